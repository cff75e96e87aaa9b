"""What a person does on the page, by the names that a screen reader says."""

import re

from playwright.sync_api import Locator, Page, expect

LOADED = "(it) => it.complete && it.naturalWidth > 0"


def prompt_field(page: Page) -> Locator:
    """Return the field of the prompt."""
    return page.get_by_role("textbox", name="Prompt", exact=True)


def make_button(page: Page) -> Locator:
    """Return the button that has the form's pictures made, of however many."""
    return page.get_by_role("button", name=re.compile(r"^Make (picture|\d pictures)$"))


def pictures(page: Page) -> Locator:
    """Return the cards of the pictures, the newest first."""
    return page.locator("#pictures").get_by_role("article")


def shown(card: Locator) -> Locator:
    """Return the picture of a card, as soon as it is loaded."""
    picture = card.get_by_role("img").first
    expect(picture).to_be_visible()
    picture.page.wait_for_function(LOADED, arg=picture.element_handle())
    return picture


def ask(page: Page, prompt: str) -> None:
    """Have a picture made, whatever comes of it."""
    prompt_field(page).fill(prompt)
    make_button(page).click()


def enter_key(page: Page, key: str) -> None:
    """Give the page a credential."""
    field = page.get_by_label("API key")
    field.fill(key)
    field.press("Control+Enter")


def sheet_of_four(page: Page, prompt: str) -> tuple[Locator, Locator]:
    """Have a sheet made; return it and its cells, when all are there."""
    prompt_field(page).fill(prompt)
    page.get_by_role("radio", name="A sheet of four").check(force=True)
    make_button(page).click()
    sheet = pictures(page).first
    cells = sheet.get_by_role("button", name=re.compile("^Seed "))
    expect(cells).to_have_count(4)
    return sheet, cells


def make(page: Page, prompt: str) -> Locator:
    """Have one picture made; return its card when the picture is there."""
    before = pictures(page).count()
    ask(page, prompt)
    expect(pictures(page)).to_have_count(before + 1)
    card = pictures(page).first
    shown(card)
    return card
