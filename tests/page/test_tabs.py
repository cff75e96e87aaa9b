"""Several tabs of one browser, each with a sheet of nine seeds: the service still answers all of them."""

import pytest
from playwright.sync_api import expect

from tests.page.person import make_button, pictures, prompt_field

HEALTH_SECONDS = 3
HEALTH = """async () => {
  const begun = performance.now()
  await (await fetch("health")).json()
  return performance.now() - begun
}"""


@pytest.mark.timeout(180)
def test_two_tabs_with_nine_seeds_each_leave_room_for_others(new_context, stack):
    stack.play(delay=1)
    context = new_context()
    tabs = [context.new_page() for _ in range(2)]
    for number, tab in enumerate(tabs):
        tab.goto("/")
        prompt_field(tab).fill(f"tab {number} wants nine boats")
        tab.get_by_role("radio", name="A sheet of nine").check(force=True)
        make_button(tab).click()
    for tab in tabs:
        tab.wait_for_function("() => performance.getEntriesByType('resource').some((it) => it.name.includes('models'))")
        assert tab.evaluate(HEALTH) < HEALTH_SECONDS * 1000
    for number, tab in enumerate(tabs):
        mine = pictures(tab).filter(has_text=f"tab {number} wants")
        expect(mine.first).to_be_visible(timeout=120_000)
        assert tab.evaluate(HEALTH) < HEALTH_SECONDS * 1000
