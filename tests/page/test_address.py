"""The address holds the form: reloads, links, and back and forward."""

from urllib.parse import quote

import pytest
from playwright.sync_api import expect

from tests.page.asked import Asked, query_of
from tests.page.person import make, make_button, pictures, prompt_field

HOSTILE = 'it\'s "50% <b>&amp;</b>" + #1 = Ünïcode 🚤\nsecond line'


def addressed(page, **options):
    """Wait until the address has these options."""
    page.wait_for_function(
        "(wanted) => Object.entries(wanted).every(([k, v]) => new URLSearchParams(location.search).get(k) === v)",
        arg=options,
    )


def test_what_is_typed_survives_a_reload(page):
    asked = Asked(page)
    prompt_field(page).fill(HOSTILE)
    page.get_by_label("Negative prompt").fill("a & b")
    page.get_by_label("Guidance").fill("3.5")
    page.get_by_label("Seed", exact=True).fill("0")
    page.get_by_role("radio", name="Own size").check()
    page.get_by_label("Width").fill("640")
    page.get_by_label("Height").fill("448")
    page.get_by_label("Style").select_option("anime")
    page.get_by_label("Model").select_option("sketch")
    page.get_by_role("radio", name="A sheet of nine").check()
    page.reload()  # at once: what is pending is written as the page goes
    expect(prompt_field(page)).to_have_value(HOSTILE)
    expect(page.get_by_label("Negative prompt")).to_have_value("a & b")
    expect(page.get_by_label("Guidance")).to_have_value("3.5")
    expect(page.get_by_label("Seed", exact=True)).to_have_value("0")
    expect(page.get_by_label("Width")).to_have_value("640")
    expect(page.get_by_label("Height")).to_have_value("448")
    expect(page.get_by_label("Style")).to_have_value("anime")
    expect(page.get_by_label("Model")).to_have_value("sketch")
    expect(page.get_by_role("radio", name="A sheet of nine")).to_be_checked()
    assert asked.requests == []


def test_a_link_fills_the_form_and_waits_for_a_click(visit):
    page = visit(f"/?prompt={quote(HOSTILE)}&seed=5&shape=PORTRAIT&n=4&guidance_scale=abc&unknown=1&utm_source=x")
    asked = Asked(page)
    expect(prompt_field(page)).to_have_value(HOSTILE)
    expect(page.get_by_role("radio", name="Portrait")).to_be_checked()
    expect(page.get_by_label("Guidance")).to_have_value("7")
    expect(page.get_by_role("button", name="Make 4 pictures")).to_be_enabled()
    expect(page.get_by_label("Style").locator("option")).not_to_have_count(1)
    assert asked.requests == []
    assert "utm_source" in page.url  # nothing was changed yet


def test_a_link_with_a_size_or_one_side_and_a_proportion_fills_both(visit):
    for query in (
        "size=1024x640",
        "width=1024&height=640",
        "width=1024&aspect_ratio=16:10",
        "height=640&aspect_ratio=8:5",
    ):
        page = visit(f"/?prompt=sizes&{query}")
        expect(page.get_by_label("Width")).to_have_value("1024")
        expect(page.get_by_label("Height")).to_have_value("640")


def test_a_proportion_without_a_frame_gets_one(visit):
    page = visit("/?prompt=a+wide+boat&aspect_ratio=21:9")
    expect(page.get_by_role("radio", name="21:9")).to_be_checked()
    asked = Asked(page)
    make_button(page).click()
    expect(pictures(page)).to_have_count(1)
    assert asked.queries[0]["aspect_ratio"] == "21:9"


def test_the_address_of_a_picture_has_its_seed(page, visit):
    make(page, "an address with a seed")
    seed = page.get_by_label("Seed", exact=True).input_value()
    assert query_of(page.url) == {"prompt": "an address with a seed", "seed": seed}
    friend = visit(page.url.partition("//")[2].partition("/")[2].join("/ ").strip())
    expect(friend.get_by_label("Seed", exact=True)).to_have_value(seed)


def test_back_leads_to_the_form_of_the_picture_before(page):
    make(page, "the first of two")
    prompt_field(page).fill("the second")
    addressed(page, prompt="the second")
    page.go_back()
    expect(prompt_field(page)).to_have_value("the first of two")
    page.go_forward()
    expect(prompt_field(page)).to_have_value("the second")


def test_typing_alone_leaves_nothing_in_the_history(page):
    length = page.evaluate("history.length")
    for prompt in ("a", "a b", "a b c"):
        prompt_field(page).fill(prompt)
        addressed(page, prompt=prompt)
    assert page.evaluate("history.length") == length
    prompt_field(page).fill("")
    page.wait_for_function("() => location.search === ''")


def test_a_visit_elsewhere_and_back_keeps_the_form(page):
    prompt_field(page).fill("kept over a visit")
    page.goto("/status")
    page.go_back()
    expect(prompt_field(page)).to_have_value("kept over a visit")


def test_the_longest_prompt_of_any_script_survives(page):
    longest = "舟" * 2000
    prompt_field(page).fill(longest)
    page.reload()
    expect(prompt_field(page)).to_have_value(longest)


@pytest.mark.parametrize("name", ["constructor", "__proto__", "toString", "hasOwnProperty"])
def test_a_name_that_every_object_has_is_no_name_of_ours(visit, name):
    words = "&".join(f"{it}={name}" for it in ("shape", "aspect_ratio", "style", "model", "n", "seed"))
    page = visit(f"/?prompt=a+link+of+{name}&{words}")
    expect(page.get_by_role("textbox", name="Prompt", exact=True)).to_have_value(f"a link of {name}")
    expect(page.get_by_role("radio", name="Square")).to_be_checked()
