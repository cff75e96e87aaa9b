"""Lost connections, reloads, a second tab and forbidden storage: nothing is lost, and nothing made twice."""

import json

from playwright.sync_api import expect

from tests.api.pictures import stored as picture_file
from tests.end_to_end.conftest import TOKEN
from tests.fakes.processes import api, wait_until
from tests.page.maker import LOST, ask, begins, cards, failure, job, prompts_at
from tests.page.relay import Relay


def test_a_service_that_begins_anew_is_told_and_asked_again(visit, stack, watch):
    stack.play(delay=3)
    with api(PERCHANCE_WORKER_URL=stack.worker.url, WORKER_TOKEN=TOKEN) as front:
        watch.allow(front.url)
        watch.expect(LOST)
        page = visit(f"{front.url}/generate?prompt=a+restarted+rook&model=automatic1111")
        begins(page, "a restarted rook")
        front.process.kill()
        front.process.wait()
        expect(job(page, "a restarted rook")).to_contain_text("Connection lost, reconnecting")
        front.start_again()
        card = failure(page, "a restarted rook")
        expect(card).to_contain_text("no longer knows this picture")
        stack.play(delay=0)
        card.get_by_role("button", name="Ask again").click()
        expect(cards(page, "a restarted rook")).to_have_count(1)


def test_without_a_network_it_waits_and_goes_on(page, stack, watch):
    watch.expect(LOST)
    stack.play(delay=4)
    with Relay(stack.api.port) as relay:
        watch.allow(relay.url)
        page.goto(f"{relay.url}/")
        ask(page, "an offline otter")
        begins(page, "an offline otter")
        page.context.set_offline(True)
        relay.cut()
        expect(job(page, "an offline otter")).to_contain_text("You are offline")
        page.context.set_offline(False)
        expect(cards(page, "an offline otter")).to_have_count(1)
    assert len(prompts_at(stack, "an offline otter")) == 1


def test_a_reload_goes_on_with_all_that_was_asked_for(page, stack):
    stack.play(delay=3)
    ask(page, "a reloaded raven")
    ask(page, "a waiting wren")
    begins(page, "a reloaded raven")
    page.reload()
    expect(page.get_by_role("list", name="Next in line")).to_contain_text("a waiting wren")
    expect(cards(page, "a waiting wren")).to_have_count(1)
    expect(cards(page, "a reloaded raven")).to_have_count(1)
    assert len(prompts_at(stack, "a reloaded raven")) == len(prompts_at(stack, "a waiting wren")) == 1


def test_a_duplicated_tab_does_not_run_anything_again(page, stack):
    stack.play(delay=3)
    ask(page, "a twin tern")
    begins(page, "a twin tern")
    kept = page.evaluate("sessionStorage.getItem('making')")
    twin = page.context.new_page()
    twin.add_init_script(f"sessionStorage.setItem('making', {json.dumps(kept)})")
    twin.goto("/")
    wait_until(lambda: twin.evaluate("sessionStorage.getItem('making')") is None, "the twin's rest")
    expect(job(twin, "a twin tern")).to_have_count(0)
    expect(cards(page, "a twin tern")).to_have_count(1)
    assert len(prompts_at(stack, "a twin tern")) == 1


def test_it_works_where_storage_is_forbidden(visit, new_context, stack):
    context = new_context()
    context.add_init_script(
        "for (const name of ['sessionStorage', 'localStorage']) "
        "Object.defineProperty(window, name, { get() { throw new DOMException('no', 'SecurityError'); } })"
    )
    page = context.new_page()
    page.goto("/")
    ask(page, "a forbidden fig")
    expect(cards(page, "a forbidden fig")).to_have_count(1)


def test_it_gives_up_with_a_sentence(page, stack, watch):
    watch.expect(LOST)
    page.clock.install()
    with Relay(stack.api.port) as relay:
        watch.allow(relay.url)
        page.goto(f"{relay.url}/")
        stack.play(delay=30)
        ask(page, "a given-up gnu")
        expect(job(page, "a given-up gnu")).to_be_visible()
        page.clock.run_for(2000)
        relay.up = False
        relay.cut()
        expect(job(page, "a given-up gnu")).to_contain_text("Connection lost, reconnecting")
        for _ in range(20):
            page.clock.run_for(16_000)
            page.wait_for_timeout(50)
        expect(failure(page, "a given-up gnu")).to_contain_text("could not be reached for a while")
        assert prompts_at(stack, "a given-up gnu")[1:] == []
        relay.up = True
        stack.play(delay=0)
        failure(page, "a given-up gnu").get_by_role("button", name="Close").click()
        expect(failure(page, "a given-up gnu")).to_have_count(0)


def test_a_picture_from_an_image_is_collected_after_a_reload(page, stack):
    stack.play(delay=4)
    page.locator("input[name=image]").set_input_files(
        {"name": "a.png", "mimeType": "image/png", "buffer": picture_file()}
    )
    ask(page, "an edited emu")
    begins(page, "an edited emu")
    page.reload()
    expect(cards(page, "an edited emu")).to_have_count(1)
    assert len(prompts_at(stack, "an edited emu")) == 1


def test_a_sheet_from_an_image_goes_on_after_a_reload(page, stack):
    stack.play(delay=1)
    page.locator("input[name=image]").set_input_files(
        {"name": "a.png", "mimeType": "image/png", "buffer": picture_file()}
    )
    ask(page, "four edited eels", count="A sheet of four")
    expect(job(page, "four edited eels")).to_contain_text("1 of 4 are there")
    page.reload()
    expect(page.get_by_role("status").filter(has_text="Done: four edited eels")).to_be_attached()
    seeds = [it["seed"] for it in prompts_at(stack, "four edited eels")]
    assert (len(seeds), len(set(seeds))) == (4, 4)
    assert page.evaluate("indexedDB.databases().then((all) => all.length)") == 1
    expect(page.locator("#pictures img:visible")).to_have_count(4)
