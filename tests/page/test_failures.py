"""Failures as sentences, and what a person can do next."""

import json
import re

import pytest
from playwright.sync_api import expect

from tests.api.conftest import RESULT
from tests.page.maker import ask, cards, failure, prompts_at


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


@pytest.mark.parametrize(
    ("code", "sentence"),
    [("horde_resting", "The engine has failed a few times"), ("storage_resting", "Said by the service.")],
)
def test_a_storage_is_no_engine(page, watch, code, sentence):
    watch.expect("503")
    body = {"success": False, "code": code, "error": "Said by the service."}
    page.route("**/generate?**", lambda route: route.fulfill(status=503, json=body))
    ask(page, "a stored stork")
    expect(failure(page, "a stored stork")).to_contain_text(sentence)


def offered(visit, scripted_front, watch, body: dict, query: str):
    """Return the card of a failure, whose service has a fixed list of models."""
    worker, front = scripted_front
    watch.allow(front.url)
    watch.expect("503")
    worker.say_to("/generate", 503, {"success": False, "error": "It does not go.", **body})
    worker.say_to("/models", 200, {"models": [*MODELS, SKETCH]})
    return failure(visit(f"{front.url}/generate?prompt=an+offered+owl{query}"), "an offered owl")


SKETCH = {**MODELS[1], "name": "sketch", "engine": "sketch", "answers_auto": False, "quality": 0}
PASSED = [{"engine": "perchance", "code": "perchance_verification_required"}]


def test_after_all_engines_the_drawn_one_is_offered(visit, scripted_front, watch):
    body = {"code": "engine_quota_exhausted", "fallback_from": PASSED}
    card = offered(visit, scripted_front, watch, body, "")
    expect(card.get_by_role("button", name=re.compile("instead"))).to_have_text(
        "Use sketch instead (drawn by rules, no AI)"
    )


def test_an_engine_that_has_just_refused_is_not_offered(visit, scripted_front, watch):
    body = {"code": "engine_quota_exhausted", "fallback_from": [{"engine": "plain", "code": "engine_busy"}]}
    card = offered(visit, scripted_front, watch, body, "&model=fitting")
    expect(card.get_by_role("button", name=re.compile("instead"))).to_have_text("Use perchance instead")
