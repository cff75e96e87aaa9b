"""What is in the making: one stream, a queue, what a person sees of it, and taking it back."""

import re

import pytest
from playwright.sync_api import expect

from tests.end_to_end.conftest import TOKEN
from tests.fakes.processes import api, wait_until
from tests.page.conftest import PHONE
from tests.page.maker import LOST, ask, begins, cards, failure, job, prompts_at
from tests.page.person import prompt_field
from tests.page.relay import Relay


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


def test_a_picture_that_is_canceled_at_once_ends_at_the_service_too(page, stack):
    stack.play(delay=60)
    ask(page, "a hasty hare", model="horde")
    job(page, "a hasty hare").get_by_role("button", name="Cancel").click()
    expect(job(page, "a hasty hare")).to_have_count(0)
    wait_until(lambda: len(stack.requests_to("horde_cancel")) == len(stack.requests_to("horde")), "its end outside")


def test_a_picture_that_is_canceled_without_a_network_ends_when_it_is_back(page, stack, watch):
    watch.expect(LOST)
    stack.play(delay=60)
    with Relay(stack.api.port) as relay:
        watch.allow(relay.url)
        page.goto(f"{relay.url}/")
        ask(page, "an offline ox", model="horde")
        expect(job(page, "an offline ox")).to_contain_text(re.compile("in the queue", re.IGNORECASE))
        relay.up = False
        relay.cut()
        job(page, "an offline ox").get_by_role("button", name="Cancel").click()
        expect(page.get_by_text("Canceled here: an offline ox.").last).to_be_visible()
        assert stack.requests_to("horde_cancel") == []
        relay.up = True
        page.reload()
        wait_until(lambda: stack.requests_to("horde_cancel"), "the end of the work outside")
        expect(job(page, "an offline ox")).to_have_count(0)
        wait_until(lambda: page.evaluate("localStorage.getItem('withdrawn')") is None, "nothing left to tell")


def test_a_cancellation_is_told_at_once(page, stack):
    stack.play(delay=5)
    ask(page, "a told toad")
    begins(page, "a told toad")
    job(page, "a told toad").get_by_role("button", name="Cancel").click()
    expect(page.locator("#making").get_by_role("status")).to_have_text("Canceled: a told toad")
    expect(page.locator("#making p").filter(has_text="Canceled: a told toad").last).to_be_in_viewport()
    page.keyboard.press("Control+Enter")
    expect(job(page, "a told toad")).to_be_visible()
