"""What a person does and sees while pictures are in the making, and what the server of pictures was asked."""

import re

from playwright.sync_api import Locator, Page, expect

from tests.end_to_end.conftest import Stack
from tests.page.person import make_button, pictures, prompt_field

LOST = "Failed to load resource|ERR_"


def ask(page: Page, prompt: str, model: str = "automatic1111", count: str = "One picture") -> None:
    """Ask for a picture, or a sheet, as a person does."""
    prompt_field(page).fill(prompt)
    page.get_by_label("Model", exact=True).select_option(model)
    page.get_by_role("radio", name=count).check(force=True)
    make_button(page).click()


def job(page: Page, prompt: str) -> Locator:
    return page.get_by_role("article", name=f"In the making: {prompt}")


def failure(page: Page, prompt: str) -> Locator:
    return page.get_by_role("article", name=f"Not made: {prompt}")


def cards(page: Page, prompt: str) -> Locator:
    return pictures(page).filter(has_text=prompt)


def prompts_at(stack: Stack, prompt: str) -> list[dict]:
    """Return what the server of pictures was asked to make with that prompt."""
    return [it["body"] for it in stack.requests_to("automatic1111") if it["body"].get("prompt") == prompt]


def begins(page: Page, prompt: str) -> None:
    expect(job(page, prompt).get_by_role("progressbar")).to_have_attribute("aria-valuenow", re.compile(r"\d"))
