"""What is in the making: one stream, a queue, what a person sees of it, and taking it back."""

import json
import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.api.conftest import RESULT
from tests.api.pictures import stored as picture_file
from tests.end_to_end.conftest import TOKEN
from tests.fakes.processes import api, wait_until
from tests.page.conftest import PHONE, Stack
from tests.page.person import make_button, pictures, prompt_field
from tests.page.relay import Relay

LOST = "Failed to load resource|ERR_"


def ask(page: Page, prompt: str, model: str = "automatic1111", count: str = "One picture") -> None:
    """Ask for a picture, or a sheet, as a person does."""
    prompt_field(page).fill(prompt)
    page.get_by_label("Model", exact=True).select_option(model)
    page.get_by_role("radio", name=count).check(force=True)
    make_button(page).click()


def job(page: Page, prompt: str) -> Locator:
    return page.get_by_role("article", name=f"In the making: {prompt}")


def failure(page: Page, prompt: str) -> Locator:
    return page.get_by_role("article", name=f"Not made: {prompt}")


def cards(page: Page, prompt: str) -> Locator:
    return pictures(page).filter(has_text=prompt)


def prompts_at(stack: Stack, prompt: str) -> list[dict]:
    """Return what the server of pictures was asked to make with that prompt."""
    return [it["body"] for it in stack.requests_to("automatic1111") if it["body"].get("prompt") == prompt]


def begins(page: Page, prompt: str) -> None:
    expect(job(page, prompt).get_by_role("progressbar")).to_have_attribute("aria-valuenow", re.compile(r"\d"))


def test_one_after_the_other_and_what_waits_can_be_removed(page, stack):
    stack.play(delay=2)
    streams = []
    page.on("request", lambda request: streams.append(request) if "previews=true" in request.url else None)
    for prompt in ("first in line", "second in line", "third in line"):
        ask(page, prompt)
    waiting = page.get_by_role("list", name="Next in line")
    expect(waiting.get_by_role("listitem")).to_have_count(2)
    assert len(streams) == 1
    page.get_by_role("button", name="Remove from the line: second in line").click()
    expect(waiting.get_by_role("listitem")).to_have_count(1)
    expect(cards(page, "third in line")).to_have_count(1)
    expect(cards(page, "first in line")).to_have_count(1)
    expect(waiting).to_be_hidden()
    assert [len(prompts_at(stack, f"{name} in line")) for name in ("first", "second", "third")] == [1, 0, 1]


def test_the_focus_stays_where_the_person_types(page, stack):
    stack.play(delay=1)
    page.get_by_label("Model", exact=True).select_option("automatic1111")
    prompt_field(page).fill("a focused fox")
    prompt_field(page).press("Control+Enter")
    expect(cards(page, "a focused fox")).to_have_count(1)
    assert page.evaluate("document.activeElement.name") == "prompt"


def test_a_canceled_picture_ends_at_the_service_and_the_next_begins(page, stack):
    stack.play(delay=60)
    ask(page, "a canceled cat", model="horde")
    expect(job(page, "a canceled cat")).to_contain_text(re.compile("in the queue", re.IGNORECASE))
    ask(page, "a next newt")
    stack.play(delay=0)
    job(page, "a canceled cat").get_by_role("button", name="Cancel").click()
    wait_until(lambda: stack.requests_to("horde_cancel"), "the end of the work outside")
    expect(cards(page, "a next newt")).to_have_count(1)
    expect(failure(page, "a canceled cat")).to_have_count(0)
    assert cards(page, "a canceled cat").count() == 0


def test_a_canceled_sheet_keeps_the_pictures_that_there_are(page, stack):
    stack.play(delay=1.5)
    ask(page, "nine canceled boats", count="A sheet of nine")
    making = job(page, "nine canceled boats")
    expect(making).to_contain_text("1 of 9 are there")
    making.get_by_role("button", name="Cancel").click()
    expect(making).to_have_count(0)
    wait_until(lambda: stack.gauge()["in_flight"] == 0, "no more work")
    assert len(prompts_at(stack, "nine canceled boats")) < 5


def test_previews_are_shown(page, stack):
    stack.play(delay=2)
    ask(page, "a previewed pear")
    preview = job(page, "a previewed pear").locator("img")
    expect(preview).to_have_attribute("src", re.compile("^data:image/jpeg;base64,"))


def test_the_queue_of_the_engine_is_shown(page, stack):
    stack.play(delay=4)
    ask(page, "a queued quail", model="horde")
    expect(job(page, "a queued quail")).to_contain_text(re.compile("in the queue", re.IGNORECASE))
    assert job(page, "a queued quail").get_by_role("progressbar").get_attribute("aria-valuenow") is None
    expect(cards(page, "a queued quail")).to_have_count(1)


def test_a_failed_place_of_a_sheet_says_why_and_a_second_try_makes_that_alone(page, stack, watch):
    watch.expect("Failed to load resource")
    stack.play(automatic1111="crash", times=1)
    ask(page, "four lame ducks", count="A sheet of four")
    card = failure(page, "four lame ducks")
    expect(card).to_be_visible()
    made = page.locator("#pictures img:visible").count()
    assert made == 3
    card.get_by_role("button", name="Try again").click()
    expect(card).to_have_count(0)
    expect(page.get_by_role("status").filter(has_text="Done: four lame ducks")).to_be_attached()
    seeds = [it["seed"] for it in prompts_at(stack, "four lame ducks")]
    assert (len(seeds), len(set(seeds))) == (5, 4)


def test_a_failure_offers_the_next_engine(page, stack, watch):
    stack.play(automatic1111="crash")
    ask(page, "a failing finch")
    card = failure(page, "a failing finch")
    expect(page).to_have_title("Not made · Make a picture")
    card.get_by_role("button", name="Use horde instead").click()
    expect(cards(page, "a failing finch")).to_have_count(1)
    expect(cards(page, "a failing finch")).to_contain_text("horde")
    expect(card).to_have_count(0)


def test_a_field_that_is_named_is_corrected(page, visit, watch):
    watch.expect("400")
    page = visit("/generate?prompt=a+wide+whale&width=100&height=512")
    card = failure(page, "a wide whale")
    expect(card).to_contain_text("width must be")
    card.get_by_role("button", name="Change: Width").click()
    expect(page.get_by_label("Width")).to_be_focused()
    expect(page.get_by_label("Width")).to_have_value("100")


def test_a_countdown_goes_to_when_it_may_work(page, scripted_front, watch, visit):
    worker, front = scripted_front
    watch.allow(front.url)
    watch.expect("503")
    body = {"success": False, "error": "Busy.", "code": "engine_busy", "retry_after": 2}
    worker.say_to("/generate", 503, body)
    worker.say_to("/models", 200, {"models": []})
    page = visit(f"{front.url}/generate?prompt=a+busy+bee")
    card = failure(page, "a busy bee")
    expect(card).to_contain_text("The engine is busy.")
    expect(card).to_contain_text(re.compile(r"It may work again in \d s\."))
    expect(card).to_contain_text("It may work again now.")


@pytest.mark.parametrize("look", [{}, PHONE], ids=["desktop", "phone"])
def test_what_is_asked_for_comes_into_view(visit, stack, look):
    stack.play(delay=2)
    page = visit(**look)
    ask(page, "a visible vole")
    expect(job(page, "a visible vole").get_by_role("progressbar")).to_be_in_viewport()
    expect(cards(page, "a visible vole").get_by_role("img").first).to_be_in_viewport()


def test_a_waking_worker_is_told(visit, stack, watch):
    with Relay(stack.worker.port) as platform, api(PERCHANCE_WORKER_URL=platform.url, WORKER_TOKEN=TOKEN) as front:
        platform.up = False
        watch.allow(front.url)
        watch.expect(LOST)
        page = visit(f"{front.url}/generate?prompt=an+early+bird&model=automatic1111")
        expect(job(page, "an early bird")).to_contain_text("The service is waking up")
        expect(job(page, "an early bird")).to_contain_text(re.compile(r"about \d+ s to go"))
        platform.up = True
        expect(cards(page, "an early bird")).to_have_count(1)


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


WALL = {"success": False, "error": "Perchance asked for a human check.", "code": "perchance_verification_required"}
MODELS = [
    {"name": "auto", "description": "", "answers_auto": True, "state": "ready", "honours": []},
    {
        "name": "perchance",
        "engine": "perchance",
        "description": "",
        "answers_auto": True,
        "state": "ready",
        "honours": [],
    },
    {
        "name": "resting",
        "engine": "resting",
        "description": "",
        "answers_auto": True,
        "state": "resting",
        "honours": ["seed"],
    },
    {"name": "plain", "engine": "plain", "description": "", "answers_auto": True, "state": "ready", "honours": []},
    {
        "name": "fitting",
        "engine": "fitting",
        "description": "",
        "answers_auto": True,
        "state": "ready",
        "honours": ["seed"],
    },
]


def test_perchance_s_wall_is_named_and_another_engine_offered(scripted_front, watch, visit):
    worker, front = scripted_front
    watch.allow(front.url)
    watch.expect("503")
    worker.say_to("/generate", 503, WALL)
    worker.say_to("/models", 200, {"models": MODELS})
    page = visit(f"{front.url}/generate?prompt=a+walled+wolf&model=perchance&seed=3")
    card = failure(page, "a walled wolf")
    expect(card).to_contain_text("Perchance asks for a human check")
    worker.say_to("/generate", 200, RESULT)
    card.get_by_role("button", name="Use fitting instead").click()
    expect(page.get_by_role("status").filter(has_text="Done: a walled wolf")).to_be_attached()
    assert worker.asked_to_make()[-1]["model"] == "fitting"


def test_what_wanted_a_key_is_tried_again_with_it(page, watch):
    watch.expect("401|generate")
    body = json.dumps({"success": False, "code": "unauthorized", "error": "A key is wanted."})
    page.route("**/generate?**", lambda route: route.fulfill(status=401, body=body), times=1)
    ask(page, "a keyed koala")
    card = failure(page, "a keyed koala")
    expect(card).to_contain_text("wants a key")
    page.get_by_label("API key").fill("sk-1")
    page.keyboard.press("Tab")
    expect(cards(page, "a keyed koala")).to_have_count(1)
    expect(card).to_have_count(0)


def test_a_proxy_without_the_service_is_no_answer(page, watch):
    watch.expect("502")
    page.route("**/generate?**", lambda route: route.fulfill(status=502, body="<html>"), times=1)
    ask(page, "a gated goose")
    card = failure(page, "a gated goose")
    expect(card).to_contain_text("does not answer at the moment")
    card.get_by_role("button", name="Try again").click()
    expect(cards(page, "a gated goose")).to_have_count(1)


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


def test_a_picture_that_is_canceled_at_once_ends_at_the_service_too(page, stack):
    stack.play(delay=60)
    ask(page, "a hasty hare", model="horde")
    job(page, "a hasty hare").get_by_role("button", name="Cancel").click()
    expect(job(page, "a hasty hare")).to_have_count(0)
    wait_until(lambda: len(stack.requests_to("horde_cancel")) == len(stack.requests_to("horde")), "its end outside")
