"""What a person has set the system or the browser to: less motion, larger text, forced colors."""

import pytest
from playwright.sync_api import expect

from tests.page.looks import DESKTOP
from tests.page.person import make, make_button, pictures, prompt_field

NARROW = "() => document.documentElement.scrollWidth <= document.documentElement.clientWidth"


def test_nothing_moves_if_motion_is_to_be_reduced(visit, stack):
    stack.play(delay=2)
    page = visit(reduced_motion="reduce")
    prompt_field(page).fill("a still boat")
    make_button(page).click()
    moving = "() => document.getAnimations().filter((it) => it.playState === 'running').length"
    expect(page.get_by_role("progressbar").first).to_be_visible()
    assert page.evaluate(moving) == 0
    expect(pictures(page)).to_have_count(1)
    assert page.evaluate(moving) == 0


@pytest.mark.parametrize("zoom", [2, 4])
def test_it_can_be_zoomed(visit, zoom):
    """A browser's zoom makes the viewport so much smaller: https://www.w3.org/WAI/WCAG22/Understanding/reflow.html."""
    width, height = (DESKTOP["viewport"][side] // zoom for side in ("width", "height"))
    page = visit(viewport={"width": width, "height": height}, device_scale_factor=zoom)
    make(page, "a boat seen closely")
    assert page.evaluate(NARROW)


def test_it_takes_twice_the_text_size(visit):
    page = visit()
    page.evaluate("() => { document.documentElement.style.fontSize = '200%' }")
    make(page, "a boat in large letters")
    assert page.evaluate(NARROW)
    button = make_button(page)
    assert button.evaluate("(it) => it.scrollWidth <= it.clientWidth + 1")


def test_forced_colors_leave_what_is_chosen_visible(visit):
    page = visit(forced_colors="active")
    make(page, "a boat in forced colors")
    assert page.evaluate("matchMedia('(forced-colors: active)').matches")
