"""/generate in an address bar: the picture comes about on the page, once, and by the very query."""

import json
import re

from playwright.sync_api import Page, expect

from tests.page.conftest import PHONE
from tests.page.maker import job, prompts_at
from tests.page.relay import Relay


def done(page: Page, prompt: str) -> None:
    """Wait until the page says that a picture is there."""
    expect(page.get_by_role("status").filter(has_text=f"Done: {prompt}")).to_be_attached()


def test_it_shows_the_picture_as_it_comes_about(visit, stack):
    stack.play(delay=5)
    page = visit("/generate?prompt=a+harbor+at+dawn&model=automatic1111")
    making = job(page, "a harbor at dawn")
    expect(making.get_by_role("progressbar")).to_have_attribute("aria-valuenow", re.compile(r"^\d+$"))
    expect(page).to_have_title(re.compile(r"^\d+ % · Make a picture$"))
    expect(making.locator("img")).to_have_attribute("src", re.compile("^data:image/jpeg;base64,"))
    expect(making).to_contain_text(re.compile(r"\d s so far"))
    done(page, "a harbor at dawn")
    expect(page).to_have_title("Done · Make a picture")
    expect(making).to_have_count(0)
    expect(page).to_have_title("Make a picture")
    assert page.evaluate("document.activeElement.tagName") == "BODY"
    assert len(prompts_at(stack, "a harbor at dawn")) == 1


def test_it_is_in_view_on_a_phone(visit, stack):
    stack.play(delay=2)
    page = visit("/generate?prompt=a+small+screen&model=automatic1111", **PHONE)
    expect(job(page, "a small screen").get_by_role("progressbar")).to_be_in_viewport()


def test_a_reload_makes_no_other_picture_at_any_time(visit, stack):
    stack.play(delay=6)
    page = visit("/generate?prompt=a+mill+reloaded&model=automatic1111&output_format=jpeg&utm_source=x")
    expect(job(page, "a mill reloaded").get_by_role("progressbar")).to_have_attribute(
        "aria-valuenow", re.compile(r"\d")
    )
    page.reload()
    expect(job(page, "a mill reloaded")).to_be_visible()
    page.goto("/health")
    page.go_back()
    done(page, "a mill reloaded")
    kept = page.evaluate("history.state.making.job.results.map((it) => [it.content_type, it.image_url])")
    assert kept[0][0] == "image/jpeg"
    page.reload()
    page.wait_for_load_state("networkidle")
    expect(job(page, "a mill reloaded")).to_have_count(0)
    assert page.evaluate("history.state.making.job.results.map((it) => [it.content_type, it.image_url])") == kept
    assert len(prompts_at(stack, "a mill reloaded")) == 1


def test_it_asks_by_the_query_of_the_address(visit, stack):
    sent = []
    page = visit("/health")
    page.on("request", lambda request: sent.append(request.url) if "prompt=" in request.url else None)
    query = "prompt=by%20the%20query&model=auto&prefer=free&within=100&output_format=webp&cache=false&gclid=1&seed=+5"
    page.goto(f"/generate?{query}")
    done(page, "by the query")
    assert [url.partition("?")[2] for url in sent] == [query, f"{query}&previews=true"]


def test_what_is_invalid_is_said_in_the_words_of_the_api(visit, watch):
    watch.expect("400")
    page = visit("/generate?prompt=a+tree&seed=many")
    failure = page.get_by_role("article", name="Not made: a tree")
    expect(failure).to_contain_text("seed must be an integer from -1")
    expect(failure.get_by_role("button", name="Try again")).to_have_count(0)
    expect(page).to_have_title("Not made · Make a picture")
    page.goto("/generate?prompt=a+tree&sede=1")
    expect(page.get_by_role("article", name="Not made: a tree")).to_contain_text('"sede" is not a parameter here')
    page.goto("/generate")
    expect(page.get_by_role("article", name="Not made: no words")).to_contain_text("prompt")


def test_a_lost_connection_is_said_and_the_picture_collected(visit, stack, watch):
    stack.play(delay=5)
    with Relay(stack.api.port) as relay:
        watch.allow(relay.url)
        watch.expect("Failed to load resource|ERR_")
        page = visit(f"{relay.url}/generate?prompt=a+bridge+cut&model=automatic1111")
        expect(job(page, "a bridge cut").get_by_role("progressbar")).to_have_attribute(
            "aria-valuenow", re.compile(r"\d")
        )
        relay.up = False
        assert relay.cut() > 0
        expect(job(page, "a bridge cut")).to_contain_text("Connection lost, reconnecting")
        relay.up = True
        done(page, "a bridge cut")
    assert len(prompts_at(stack, "a bridge cut")) == 1


def test_a_sheet_goes_on_over_a_lost_connection_without_making_any_twice(visit, stack, watch):
    stack.play(delay=1)
    with Relay(stack.api.port) as relay:
        watch.allow(relay.url)
        watch.expect("Failed to load resource|ERR_")
        page = visit(f"{relay.url}/generate?prompt=four+cut+boats&model=automatic1111&n=4&seed=400")
        expect(job(page, "four cut boats")).to_contain_text("1 of 4 are there")
        relay.cut()
        done(page, "four cut boats")
        results = page.evaluate("history.state.making.job.results")
    assert [it["seed"] for it in results] == [400, 401, 402, 403]
    assert sorted(it["seed"] for it in prompts_at(stack, "four cut boats")) == [400, 401, 402, 403]


def test_what_was_not_confirmed_and_costs_is_not_sent_twice(visit, stack, watch):
    with Relay(stack.api.port) as relay:
        watch.allow(relay.url)
        watch.expect("Failed to load resource|ERR_")
        page = visit(f"{relay.url}/health")
        page.route("**/generate?**", lambda route: _after_a_cut(route, relay), times=2)
        page.goto(f"{relay.url}/generate?prompt=an+unsure+owl&model=automatic1111")
        failure = page.get_by_role("article", name="Not made: an unsure owl")
        expect(failure).to_contain_text("it was not sent twice")
        relay.up = True
        failure.get_by_role("button", name="Ask again").click()
        done(page, "an unsure owl")
    assert len(prompts_at(stack, "an unsure owl")) == 1


def _after_a_cut(route, relay):
    if route.request.resource_type == "fetch":
        relay.up = False
        relay.cut()
    route.continue_()


def test_hostile_words_are_text(visit, stack):
    page = visit("/generate?prompt=%3Cimg+src%3Dx+onerror%3Dalert(1)%3E&model=automatic1111")
    done(page, "<img src=x onerror=alert(1)>")
    assert json.dumps(page.evaluate("history.state.making.job.options.prompt")) == '"<img src=x onerror=alert(1)>"'
