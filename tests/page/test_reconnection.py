"""Lost connections, reloads, a second tab and forbidden storage: nothing is lost, and nothing made twice."""

import json

import pytest
from playwright.sync_api import expect

from tests.api.pictures import stored as picture_file
from tests.end_to_end.conftest import TOKEN
from tests.fakes.processes import api, wait_until
from tests.page.asked import Asked
from tests.page.looks import FORBIDDEN_STORAGE
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
    stack.play(delay=5)
    ask(page, "a reloaded raven")
    ask(page, "a waiting wren")
    begins(page, "a reloaded raven")
    page.reload()
    expect(page.get_by_role("list", name="Next in line")).to_contain_text("a waiting wren")
    expect(cards(page, "a waiting wren")).to_have_count(1)
    expect(cards(page, "a reloaded raven")).to_have_count(1)
    assert len(prompts_at(stack, "a reloaded raven")) == len(prompts_at(stack, "a waiting wren")) == 1


def test_a_duplicated_tab_does_not_run_anything_again(page, stack):
    stack.play(delay=5)
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
    context.add_init_script(FORBIDDEN_STORAGE)
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


JOB = {"id": "1", "query": "prompt=x", "options": {"prompt": "x"}, "lastId": "", "startedAt": 0, "requestIds": []}
GARBAGE = [
    "{",
    "null",
    '"text"',
    json.dumps([None, 7, {"id": "1", "options": {}, "done": []}]),
    json.dumps([{**JOB, "options": {"prompt": 5}, "done": [], "tried": [], "results": []}]),
    json.dumps([{**JOB, "done": {}, "tried": [], "results": []}]),
]


@pytest.mark.parametrize("garbage", GARBAGE)
def test_garbage_among_what_is_kept_does_not_hurt(page, garbage):
    page.evaluate("(it) => { sessionStorage.making = it; localStorage.withdrawn = it; }", garbage)
    page.reload()
    ask(page, f"a sound swan {GARBAGE.index(garbage)}")
    expect(cards(page, f"a sound swan {GARBAGE.index(garbage)}")).to_have_count(1)


def test_a_part_that_fails_stops_no_other(page, watch):
    watch.expect("page error|console error")
    page.route("**/", lambda route: route.fulfill(body=route.fetch().text().replace('class="older"', "")))
    page.goto("/")
    ask(page, "a lonely lynx")
    expect(page.get_by_role("status").filter(has_text="Done: a lonely lynx")).to_be_attached()
    assert watch.saw("Cannot set properties of null")


@pytest.mark.parametrize(
    "reply",
    [
        {"content_type": "text/html", "body": "<h1>Please log in</h1>"},
        {"content_type": "application/json", "body": '{"code": 5, "error": {"message": "no"}}'},
    ],
    ids=["html", "json"],
)
def test_a_reply_that_is_no_stream_is_no_answer(page, reply):
    asked = Asked(page)
    page.route("**/generate?**", lambda route: route.fulfill(status=200, **reply))
    ask(page, "a walled-in weasel")
    expect(failure(page, "a walled-in weasel")).to_contain_text("The service does not answer at the moment.")
    assert len(asked.requests) == 1


def test_streams_that_break_before_they_say_anything_are_asked_for_ever_less(page):
    page.clock.install()
    asked = Asked(page)
    stream = {"content_type": "text/event-stream", "body": ": hello\n\n"}
    page.route("**/generate?**", lambda route: route.fulfill(status=200, **stream))
    ask(page, "a brief bat")
    expect(job(page, "a brief bat")).to_contain_text("Connection lost, reconnecting")
    for _ in range(150):
        page.clock.run_for(1000)
        page.wait_for_timeout(20)
    expect(failure(page, "a brief bat")).to_contain_text("could not be reached for a while")
    assert 3 < len(asked.requests) < 15


@pytest.mark.parametrize("data", ["{}", "null", '{"code": 7, "error": {"message": "x"}, "fallback_from": [null]}'])
def test_a_failure_without_a_code_has_a_card(page, data):
    stream = {"content_type": "text/event-stream", "body": f"id: a:end\nevent: failure\ndata: {data}\n\n"}
    page.route("**/generate?**", lambda route: route.fulfill(status=200, **stream), times=1)
    ask(page, "a codeless crow")
    card = failure(page, "a codeless crow")
    expect(card).to_contain_text("The service does not answer at the moment.")
    expect(card).not_to_contain_text("[object")
    card.get_by_role("button", name="Try again").click()
    expect(card).to_have_count(0)
