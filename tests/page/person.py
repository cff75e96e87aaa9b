"""What a person does on the page, by the names that a screen reader says."""

import re

from playwright.sync_api import Locator, Page, expect

MAKE = "Make picture"


def prompt_field(page: Page) -> Locator:
    """Return the field of the prompt."""
    return page.get_by_role("textbox", name="Prompt", exact=True)


def pictures(page: Page) -> Locator:
    """Return the cards of the pictures, the newest first."""
    return page.locator("#pictures").get_by_role("article")


def shown(card: Locator) -> Locator:
    """Return the picture of a card, when it is loaded."""
    picture = card.get_by_role("img").first
    expect(picture).to_be_visible()
    expect(picture).to_have_js_property("complete", True)
    assert picture.evaluate("(it) => it.naturalWidth") > 0
    return picture


def make(page: Page, prompt: str) -> Locator:
    """Have one picture made; return its card when the picture is there."""
    before = pictures(page).count()
    prompt_field(page).fill(prompt)
    page.get_by_role("button", name=re.compile(MAKE)).click()
    expect(pictures(page)).to_have_count(before + 1)
    card = pictures(page).first
    shown(card)
    return card
