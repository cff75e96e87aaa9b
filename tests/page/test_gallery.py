"""The pictures and prompts that a browser keeps: through reloads, in two tabs, and if it keeps nothing."""

import json
import time

import pytest
from playwright.sync_api import Page, expect

from tests.page.axe import violations
from tests.page.looks import FORBIDDEN_STORAGE
from tests.page.person import make, make_button, pictures, prompt_field, shown

GARBAGE = {
    "picture/1/none": "{",
    "picture/1/null": "null",
    "picture/1/script": json.dumps({"at": 1, "result": {"image_url": "javascript:alert(1)"}, "options": {}}),
    "picture/1/short": json.dumps({"at": 2, "result": {"prompt": "x"}}),
    "picture/0/older": json.dumps(["of another version"]),
    "prompts": "{",
}
WRONG = {
    "alt": 5,
    "blurhash": 7,
    "dominant_color": {},
    "content_type": ["image/png"],
    "ignored": "seed",
    "fallback_from": [None],
    "seed": "7",
    "index": "length",
    "engine": {"name": "x"},
    "duration_ms": "long",
    "simulated": "yes",
}
UNSHOWABLE = {"image_url": "http://[", "width": "768", "height": 0, "prompt": 5, "sha256": None}
KEPT_WITH = """(values) => { for (const key of Object.keys(localStorage).filter((it) => it.startsWith("picture/"))) {
  const entry = JSON.parse(localStorage.getItem(key));
  values.forEach(([result, options], at) => localStorage.setItem(`${key}-${at}`, JSON.stringify({ ...entry,
    at: at + 1, result: { ...entry.result, request_id: `with ${at}`, ...result },
    options: { ...entry.options, ...options } })));
} }"""
FULL = """() => { for (let size = 1 << 20, at = 0; size >= 1; at++) {
  try { localStorage.setItem(`other ${at}`, "x".repeat(size)); } catch { size >>= 1; }
} }"""
KEPT = "Object.keys(localStorage).filter((key) => key.startsWith('picture/')).length"


def remove(page: Page, index: int) -> None:
    """Remove the picture of a card."""
    card = pictures(page).nth(index)
    card.get_by_text("More", exact=True).click()
    card.get_by_role("button", name="Remove", exact=True).click()


def test_pictures_survive_a_reload_and_garbage_does_not_hurt(page):
    make(page, "a pear that is kept")
    page.evaluate("(items) => Object.entries(items).forEach((it) => localStorage.setItem(...it))", GARBAGE)
    page.reload()
    expect(pictures(page)).to_have_count(1)
    shown(pictures(page).first)
    make(page, "an apple beside it")
    expect(pictures(page)).to_contain_text(["an apple beside it", "a pear that is kept"])


def test_a_kept_picture_with_a_field_of_another_type_is_shown_without_it(page):
    make(page, "a quince beside what is broken")
    broken = [[{name: value}, {}] for name, value in WRONG.items()]
    broken += [[{}, {"shape": 5, "model": [], "style": {}, "n": "4", "batch": 6}], [{}, {"n": 1e300}], [{}, {"n": 2.5}]]
    lost = [[{name: value}, {}] for name, value in UNSHOWABLE.items()]
    page.evaluate(KEPT_WITH, [*broken, *lost])
    page.reload()
    expect(pictures(page)).to_have_count(1 + len(broken))
    for recipe in pictures(page).get_by_text("Recipe", exact=True).all():
        recipe.click()
    for use in page.get_by_role("button", name="Use this recipe").all():
        use.click()
    make(page, "a medlar after all that")


def test_a_kept_picture_that_cannot_be_drawn_takes_no_other_with_it(page, watch):
    watch.expect("page error: cursed")
    make(page, "a cursed quince")
    make(page, "a blessed quince")
    page.add_init_script(
        """const { set } = Object.getOwnPropertyDescriptor(HTMLImageElement.prototype, "alt");
        Object.defineProperty(HTMLImageElement.prototype, "alt", { set(value) {
          if (value.includes("cursed")) throw new Error("cursed"); set.call(this, value); } })"""
    )
    page.reload()
    expect(pictures(page)).to_contain_text(["a blessed quince"])
    assert watch.saw("page error: cursed")
    make(page, "a quince after it")
    assert page.evaluate(KEPT) == 3


@pytest.mark.parametrize("value", ["javascript:alert(1)", "data:text/html,x", "http://[", 5, None])
def test_a_result_that_shows_no_picture_fails_and_is_not_kept(page, watch, value):
    watch.expect("page error: This result shows no picture")
    result = {"image_url": value, "sha256": "0" * 64, "prompt": "x", "width": 8, "height": 8, "blurhash": 5}
    answer = f"id: x\nevent: result\ndata: {json.dumps(result)}\n\n"
    page.route("**/generate?*", lambda route: route.fulfill(content_type="text/event-stream", body=answer))
    prompt_field(page).fill("a picture of no address")
    make_button(page).click()
    expect(page.get_by_role("article", name="Not made: a picture of no address")).to_be_visible()
    assert page.evaluate(KEPT) == 0
    page.unroute_all()
    make(page, "a picture after it")


def test_garbage_of_the_tab_does_not_keep_the_page_from_opening(page):
    for name in ("unwritten-address", "source-picture", "making", "api-key", "seed-locked"):
        for value in ("{garbage", "null", "7", '"text"', "[[null]]", '{"name": 5}', '{"name": "x", "data": "y"}'):
            page.evaluate("(it) => { sessionStorage.clear(); sessionStorage.setItem(...it); }", [name, value])
            page.reload()
            expect(page.locator("#dice")).to_be_visible()
    page.evaluate("sessionStorage.clear()")
    page.reload()
    make(page, "a plum after the garbage")


def test_two_tabs_show_the_same(new_context):
    context = new_context()
    one, other = context.new_page(), context.new_page()
    for tab in (one, other):
        tab.goto("/")
    make(one, "a plum in the first tab")
    shown(pictures(other).first)
    make(other, "a cherry in the second tab")
    expect(pictures(one)).to_contain_text(["a cherry in the second tab", "a plum in the first tab"])
    remove(one, 1)
    expect(pictures(other)).to_have_count(1)
    expect(pictures(other)).to_contain_text("a cherry in the second tab")


def test_a_removed_picture_comes_back_and_the_focus_is_never_lost(page):
    for number in range(3):
        make(page, f"a nut that comes back {number}")
    remove(page, 1)
    expect(pictures(page)).to_have_count(2)
    expect(pictures(page).nth(1)).to_be_focused()
    page.get_by_role("button", name="Undo").click()
    expect(pictures(page)).to_contain_text([f"a nut that comes back {number}" for number in (2, 1, 0)])
    expect(pictures(page).nth(1)).to_be_focused()
    page.reload()
    expect(pictures(page)).to_have_count(3)


def test_all_pictures_are_removed_after_a_question_and_the_prompts_stay(page):
    make(page, "a grape whose prompt stays")
    clear = page.get_by_role("button", name="Remove all pictures from this page")
    clear.click()
    page.keyboard.press("Escape")
    expect(pictures(page)).to_have_count(1)
    clear.click()
    page.get_by_role("dialog").get_by_role("button", name="Remove all pictures").click()
    expect(pictures(page)).to_have_count(0)
    expect(page.get_by_role("heading", name="Pictures", exact=True)).to_be_focused()
    page.reload()
    expect(page.get_by_text("Try one of these")).to_be_visible()
    expect(pictures(page)).to_have_count(0)
    page.get_by_text("Prompts so far").click()
    page.get_by_role("button", name="a grape whose prompt stays").click()
    expect(prompt_field(page)).to_have_value("a grape whose prompt stays")


def test_prompts_are_searched_and_forgotten(page):
    page.evaluate(
        """localStorage.setItem("prompts", JSON.stringify(["Red Fox at night", "blue whale", 7, "fox red"]))"""
    )
    page.reload()
    page.get_by_text("Prompts so far").click()
    entries = page.locator("#pictures .history li")
    expect(entries).to_have_count(3)
    page.get_by_role("searchbox", name="Search your prompts").fill("fox RED")
    expect(entries).to_have_text(["Red Fox at night", "fox red"])
    page.get_by_role("searchbox", name="Search your prompts").fill("zebra")
    expect(page.get_by_text("No prompt has these words.")).to_be_visible()
    assert violations(page) == []
    page.get_by_role("button", name="Forget all prompts").click()
    page.get_by_role("dialog").get_by_role("button", name="Forget all prompts").click()
    expect(page.get_by_text("Prompts so far")).to_be_hidden()
    assert page.evaluate("localStorage.getItem('prompts')") is None


def test_a_browser_that_forbids_storage_shows_pictures_all_the_same(new_context):
    context = new_context()
    context.add_init_script(FORBIDDEN_STORAGE)
    page = context.new_page()
    page.goto("/")
    make(page, "a melon without storage")
    make(page, "a second melon without storage")
    expect(page.get_by_text("This browser keeps no pictures here")).to_be_visible()
    remove(page, 0)
    expect(pictures(page)).to_have_count(1)


def test_a_full_storage_keeps_the_newest_and_the_page_shows_all(page):
    make(page, "a fig before it was full")
    page.evaluate(FULL)
    make(page, "a date when it is full")
    expect(pictures(page)).to_have_count(2)
    page.reload()
    expect(pictures(page).first).to_contain_text("a date when it is full")


def test_a_full_storage_gives_no_older_picture_up_in_vain(page):
    for number in range(3):
        make(page, f"a nut {number}")
    page.evaluate(FULL)
    make(page, "a coconut that is too large for the room of three nuts " * 35)
    expect(page.get_by_text("This browser keeps no pictures here")).to_be_visible()
    page.reload()
    expect(pictures(page)).to_contain_text(["a nut 2", "a nut 1", "a nut 0"])


def test_the_gallery_is_bounded_and_shows_more_on_demand(page):
    make(page, "a berry of many")
    page.evaluate(
        """() => { const [key] = Object.keys(localStorage).filter((it) => it.startsWith("picture/"));
        const entry = JSON.parse(localStorage.getItem(key));
        for (let at = 1; at <= 210; at++) {
          const result = { ...entry.result, request_id: `of-many-${at}`, prompt: `berry number ${at}` };
          const id = `${result.sha256}/${result.request_id}`;
          localStorage.setItem(`picture/1/${id}`, JSON.stringify({ ...entry, id, at, result }));
        } }"""
    )
    page.reload()
    expect(pictures(page)).to_have_count(24)
    page.get_by_role("button", name="Show older ones (187)").click()
    expect(pictures(page)).to_have_count(48)
    expect(pictures(page).nth(24)).to_be_focused()
    make(page, "the berry that is too many")
    assert page.evaluate(KEPT) == 200
    for rest in (163, 139, 115, 91, 67, 43, 19):
        page.get_by_role("button", name=f"Show older ones ({rest})").click()
    expect(pictures(page)).to_have_count(212)
    other = page.context.new_page()
    other.goto("/")
    expect(pictures(other)).to_have_count(24)
    page.get_by_role("button", name="Remove all pictures from this page").click()
    begun = time.monotonic()
    page.get_by_role("dialog").get_by_role("button", name="Remove all pictures").click()
    for tab in (page, other):
        expect(pictures(tab)).to_have_count(0)
        expect(tab.get_by_text("Try one of these")).to_be_visible()
    assert time.monotonic() - begun < 15, "removing them all took too long"


def test_an_example_fills_the_form(page):
    example = page.locator("#pictures").get_by_role("button", name="lighthouse")
    words = example.inner_text()
    example.click()
    expect(prompt_field(page)).to_have_value(words)
