"""axe-core finds nothing wrong in any state of the page, with target sizes: light and dark, desktop and phone."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.end_to_end.conftest import Stack
from tests.page.axe import violations
from tests.page.person import make, make_button, pictures, prompt_field

CAT = "a cat that axe looks at"


def model(page: Page, name: str) -> None:
    page.get_by_role("combobox", name="Model").select_option(name)


def opened(page: Page) -> None:
    """Open every part that can be, of the form and of the pictures."""
    for summary in page.locator("details:not([open]) > summary").all():
        if summary.is_visible():
            summary.click()


def empty(page: Page, stack: Stack) -> None:
    """Leave it as a newcomer meets it."""


def filled(page: Page, stack: Stack) -> None:
    prompt_field(page).fill(CAT)
    opened(page)


def invalid(page: Page, stack: Stack) -> None:
    opened(page)
    page.get_by_label("Seed", exact=True).fill("-5")
    page.get_by_label("Guidance").fill("99")
    page.get_by_role("radio", name="Own size").check(force=True)
    page.get_by_label("Width").fill("3")
    make_button(page).click()
    expect(page.locator("[aria-invalid=true]").first).to_be_visible()


def greyed(page: Page, stack: Stack) -> None:
    opened(page)
    page.get_by_label("Guidance").fill("9")
    model(page, "sketch")
    expect(page.locator(".reason:visible").first).to_be_visible()


def generating(page: Page, stack: Stack) -> None:
    stack.play(delay=4)
    model(page, "automatic1111")
    for words in (CAT, f"{CAT} next"):
        prompt_field(page).fill(words)
        make_button(page).click()
    making = page.locator("#making")
    expect(making.get_by_role("progressbar").first).to_be_visible()
    expect(making.get_by_role("button", name=re.compile("^Remove"))).to_be_visible()
    expect(making.locator("img").first).to_be_visible()


def generated(page: Page, stack: Stack) -> None:
    model(page, "sketch")
    make(page, CAT)
    opened(page)


def sheet(page: Page, stack: Stack) -> None:
    model(page, "sketch")
    prompt_field(page).fill(CAT)
    page.get_by_role("radio", name="A sheet of four").check(force=True)
    make_button(page).click()
    cells = pictures(page).first.get_by_role("button", name=re.compile("^Seed "))
    expect(cells).to_have_count(4)
    cells.nth(1).click()


def compared(page: Page, stack: Stack) -> None:
    model(page, "sketch")
    make(page, CAT)
    make(page, f"{CAT} again")
    for number in (0, 1):
        pictures(page).nth(number).get_by_role("button", name="Compare").click()
    expect(page.get_by_role("dialog")).to_be_visible()


def failed(page: Page, stack: Stack) -> None:
    stack.play(automatic1111="crash")
    model(page, "automatic1111")
    prompt_field(page).fill(CAT)
    make_button(page).click()
    expect(page.get_by_role("article", name=re.compile("^Not made"))).to_be_visible()


STATES = {it.__name__: it for it in (empty, filled, invalid, greyed, generating, generated, sheet, compared, failed)}


@pytest.mark.parametrize("state", STATES)
def test_axe_finds_nothing(visit, look, stack, watch, state):
    page = visit(**look, reduced_motion="reduce")
    page.wait_for_function("() => document.querySelectorAll('#model option').length > 2")
    STATES[state](page, stack)
    assert violations(page) == []


@pytest.mark.parametrize("path", ["/status", "/p/none", "/generate?prompt=a+cat+for+axe&model=sketch"])
def test_axe_finds_nothing_on_our_other_pages(visit, look, watch, path):
    watch.expect("Failed to load resource.*/p/none")
    page = visit(path, **look, reduced_motion="reduce")
    page.wait_for_load_state("networkidle")
    assert violations(page) == []


def test_axe_finds_nothing_on_a_picture_s_page(visit, look, stack):
    made = stack.get(prompt=CAT, model="sketch", format="json").json()
    page = visit(f"/p/{made['image_url'].rpartition('/')[2]}", **look)
    assert violations(page) == []
