"""The choice of a model: its state and time, and what it does not take, which is greyed and not sent."""

import json
import re

import pytest
from playwright.sync_api import expect

from tests.page.asked import Asked
from tests.page.axe import violations
from tests.page.person import make, make_button, pictures, prompt_field


def changed_models(page, change):
    """Let the page get the service's own list with a change, such as an outage makes."""

    def fulfil(route):
        body = route.fetch().json()
        change({model["name"]: model for model in body["models"]}, body["models"])
        route.fulfill(status=200, content_type="application/json", body=json.dumps(body))

    page.route("**/models", fulfil)


def test_automatic_is_chosen_and_says_what_is_next(page):
    expect(page.get_by_label("Model")).to_have_value("")
    expect(page.get_by_label("Model")).to_have_accessible_description(re.compile("now horde"))
    expect(page.get_by_label("Negative prompt")).to_be_enabled()


def test_what_the_model_does_not_take_is_greyed_kept_and_not_sent(new_context):
    page = new_context().new_page()

    def change(models, _):
        models["sketch"] |= {"honours": [], "sizes": models["sketch"]["sizes"] | {"bounds": None}}

    changed_models(page, change)
    page.goto("/")
    asked = Asked(page)
    prompt_field(page).fill("little is taken")
    page.get_by_label("Negative prompt").fill("kept")
    page.get_by_label("Guidance").fill("12")
    page.get_by_label("Seed", exact=True).fill("99")
    page.get_by_role("radio", name="Own size").check()
    page.get_by_label("Width").fill("640")
    page.get_by_label("Height").fill("320")
    page.get_by_label("Model").select_option("sketch")
    for label, value in (("Negative prompt", "kept"), ("Guidance", "12"), ("Seed", "99")):
        field = page.get_by_label(label, exact=True)
        expect(field).to_be_disabled()
        expect(field).to_have_value(value)
        expect(field).to_have_accessible_description(re.compile("sketch does not take this"))
    expect(page.get_by_role("radio", name="Own size")).to_have_accessible_description(re.compile("768 × 512"))
    expect(page.get_by_role("button", name="Choose a picture")).to_be_disabled()
    page.get_by_role("button", name="New random seed").dispatch_event("click")
    expect(page.get_by_label("Seed", exact=True)).to_have_value("99")
    make_button(page).click()
    expect(pictures(page)).to_have_count(1)
    assert asked.queries == [{"prompt": "little is taken", "model": "sketch", "shape": "landscape"}]
    page.get_by_label("Model").select_option("")
    expect(page.get_by_label("Negative prompt")).to_be_enabled()
    expect(page.get_by_label("Negative prompt")).to_have_value("kept")


def test_a_greyed_form_is_readable(new_context, look):
    page = new_context(**look).new_page()
    changed_models(page, lambda models, _: models["sketch"].update(honours=[]))
    page.goto("/?model=sketch&prompt=a")
    expect(page.locator("#seed-reason")).not_to_be_empty()
    page.evaluate("document.getElementById('more').open = true")
    assert [line for line in violations(page) if "'.cards'" not in line] == []


def test_a_size_beyond_the_model_s_is_told(page):
    page.get_by_label("Model").select_option("sketch")
    prompt_field(page).fill("far too large")
    page.get_by_role("radio", name="Own size").check()
    page.get_by_label("Width").fill("4096")
    page.get_by_label("Height").fill("4096")
    make_button(page).click()
    expect(page.get_by_label("Height")).to_have_accessible_description(re.compile("sketch makes up to 4.2 million"))


def test_no_model_that_edits_is_told(new_context):
    page = new_context().new_page()

    def change(_, listed):
        for model in listed:
            model["honours"] = [name for name in model["honours"] if name != "image"]

    changed_models(page, change)
    page.goto("/")
    expect(page.get_by_role("button", name="Choose a picture")).to_have_accessible_description(
        re.compile("No model that is ready now begins with a picture")
    )
    expect(page.get_by_role("button", name="Choose a picture")).to_be_enabled()


def test_states_prices_and_times_are_told(new_context):
    page = new_context().new_page()

    def change(models, _):
        models["sketch"] |= {"state": "resting", "price": 0.04, "p50_seconds": 8.4}

    changed_models(page, change)
    page.goto("/")
    option = page.get_by_label("Model").locator("option[value=sketch]")
    expect(option).to_have_text("sketch · resting after failures · about 8 s · $0.04 · a stand-in")
    expect(page.locator("#model optgroup[label='Not ready now'] option")).to_have_count(1)


@pytest.mark.parametrize("failure", ["abort", "503", "empty", "html"])
def test_without_the_list_the_form_works_and_asks_again(new_context, watch, failure):
    watch.expect("Failed to load resource")
    page = new_context().new_page()
    failing = [True]

    def answer(route):
        if not failing[0]:
            return route.continue_()
        if failure == "abort":
            return route.abort()
        body = {"503": '{"success": false}', "empty": '{"models": []}', "html": "<h1>Bad gateway</h1>"}[failure]
        return route.fulfill(status=503 if failure == "503" else 200, body=body)

    page.route("**/models", answer)
    page.goto(f"/?model={'sketch' if failure == 'abort' else ''}")
    told = "lists no models" if failure == "empty" else "could not be listed"
    expect(page.get_by_label("Model")).to_have_accessible_description(re.compile(told))
    prompt_field(page).fill(f"without the list: {failure}")
    make_button(page).click()
    expect(pictures(page)).to_have_count(1)
    failing[0] = False
    if failure != "empty":  # which is an answer, and holds for a minute
        expect(page.get_by_label("Model").locator("option[value=horde]")).to_have_count(1)


def test_a_model_of_a_link_that_is_not_listed_stays_chosen(visit):
    page = visit("/?prompt=x&model=elsewhere/model:1")
    expect(page.get_by_label("Model")).to_have_accessible_description(re.compile("not in the service's list"))
    expect(page.get_by_label("Model")).to_have_value("elsewhere/model:1")


def test_a_list_that_hangs_holds_up_nothing(new_context):
    page = new_context().new_page()
    page.route("**/models", lambda route: None)
    page.goto("/")
    prompt_field(page).fill("while the list hangs")
    make_button(page).click()
    expect(pictures(page)).to_have_count(1)
    expect(page.get_by_label("Model")).to_have_accessible_description(re.compile("You need not wait"))
    page.unroute_all(behavior="ignoreErrors")


def test_an_entry_that_is_none_harms_no_other(page):
    broken = [
        None,
        5,
        {},
        {"name": "x", "state": 1},
        {"name": "y", "description": "", "state": "constructor", "engine": 1},
    ]
    page.route(re.compile("/(models|styles)$"), lambda route: route.fulfill(json={"models": broken, "styles": broken}))
    page.reload()
    page.get_by_role("combobox", name="Model").select_option("y")
    page.get_by_role("combobox", name="Model").select_option("")
    make(page, "a picture beside broken lists")
