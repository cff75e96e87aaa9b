"""The keyboard alone: from the first Tab to a picture and its file; Ctrl-Enter in every field."""

import pytest
from playwright.sync_api import expect

from tests.page.person import make_button, pictures, prompt_field, shown

FOCUSED = "() => document.activeElement"
MAX_TABS = 60


def tab_to(page, locator, key="Tab"):
    """Press Tab until an element has the focus, which must be visible."""
    for _ in range(MAX_TABS):
        page.keyboard.press(key)
        if locator.evaluate("(it) => it === document.activeElement"):
            assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
            return
    raise AssertionError(f"{MAX_TABS} presses of {key} do not lead to {locator}")


def test_it_leads_from_the_first_tab_to_a_picture_and_its_file(page):
    page.evaluate("document.activeElement.blur()")
    tab_to(page, prompt_field(page))
    page.keyboard.type("a boat made without a mouse")
    tab_to(page, make_button(page))
    page.keyboard.press("Enter")
    expect(pictures(page)).to_have_count(1)
    card = pictures(page).first
    shown(card)
    tab_to(page, card.get_by_role("button", name="Download"))
    with page.expect_download() as download:
        page.keyboard.press("Enter")
    assert download.value.path().read_bytes().startswith(b"\x89PNG")


def test_every_element_with_focus_shows_it(page):
    page.evaluate("document.activeElement.blur()")
    seen = []
    for _ in range(MAX_TABS):
        page.keyboard.press("Tab")
        name, outlined, inside = page.evaluate(
            """() => {
              const it = document.activeElement
              const ring = (each) => each && getComputedStyle(each).outlineStyle !== "none"
              const label = it.labels?.[0]
              const seen = ring(it) || ring(label) || ring(label?.firstElementChild)
              return [it.id || it.textContent, seen, it !== document.body]
            }"""
        )
        if not inside:
            break
        seen.append((name, outlined))
    assert len(seen) > 10
    assert [name for name, outlined in seen if not outlined] == []


@pytest.mark.parametrize("field", ["Prompt", "Negative prompt", "Seed", "Guidance", "Style", "Model"])
def test_ctrl_enter_makes_the_picture_from_any_field_and_the_focus_stays(page, field):
    prompt_field(page).fill(f"a boat by Ctrl-Enter in {field}")
    if not page.get_by_label(field, exact=True).is_visible():
        page.locator("#more > summary").click()
    page.get_by_label(field, exact=True).focus()
    page.keyboard.press("Control+Enter")
    expect(pictures(page)).to_have_count(1)
    assert page.get_by_label(field, exact=True).evaluate("(it) => it === document.activeElement")


def test_ctrl_enter_works_beside_the_form_and_not_where_enter_is_another_s(page):
    prompt_field(page).fill("a boat beside the form")
    page.keyboard.press("Control+Enter")
    shown(pictures(page).first)
    page.get_by_text("Prompts so far").click()
    for number, place in enumerate((page.get_by_role("searchbox", name="Search your prompts"), pictures(page).first)):
        place.focus()
        page.keyboard.press("Control+Enter")
        expect(pictures(page)).to_have_count(2 + number)
        shown(pictures(page).first)
    pictures(page).first.get_by_text("More", exact=True).focus()
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("article", name="In the making")).to_have_count(0)
    expect(pictures(page)).to_have_count(3)


def test_a_double_click_makes_one_picture(page):
    prompt_field(page).fill("a boat by a double click")
    make_button(page).dblclick()
    shown(pictures(page).first)
    expect(page.get_by_role("article", name="In the making")).to_have_count(0)
    expect(pictures(page)).to_have_count(1)
