"""Several tabs of one browser, each with a sheet of nine seeds: the service still answers all of them."""

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.page.person import make_button, pictures, prompt_field

LONG_SECONDS = 40
HEALTH = """async () => (await (await fetch("health")).json()).status"""


@pytest.fixture
def tabs(new_context: Callable[..., BrowserContext]) -> list[Page]:
    context = new_context()
    return [context.new_page() for _ in range(2)]


def make_sheets(tabs: list[Page]) -> None:
    """Ask for a sheet of nine in each tab, whose prompt has the tab's number."""
    for number, tab in enumerate(tabs):
        tab.goto("/")
        prompt_field(tab).fill(f"tab {number} wants nine boats")
        tab.get_by_role("radio", name="A sheet of nine").check(force=True)
        make_button(tab).click()


@pytest.mark.timeout(180)
def test_two_tabs_with_nine_seeds_each_leave_room_for_others(tabs, stack):
    stack.play(delay=LONG_SECONDS)
    make_sheets(tabs)
    for tab in tabs:
        tab.wait_for_function("() => performance.getEntriesByType('resource').some((it) => it.name.includes('models'))")
        assert tab.evaluate(HEALTH)
        expect(pictures(tab)).to_have_count(0)  # were every connection taken, the first would come before


@pytest.mark.timeout(180)
def test_two_tabs_with_nine_seeds_each_get_their_pictures(tabs, stack):
    stack.play(delay=1)
    make_sheets(tabs)
    for number, tab in enumerate(tabs):
        expect(pictures(tab).filter(has_text=f"tab {number} wants").first).to_be_visible(timeout=120_000)
        assert tab.evaluate(HEALTH)
