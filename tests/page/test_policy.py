"""The page's policy, and that it loads nothing from elsewhere."""

from playwright.sync_api import expect


def test_a_newcomer_meets_the_page(page):
    expect(page.get_by_role("heading", level=1)).to_be_visible()


def test_it_has_the_look_that_a_visitor_prefers(visit, look):
    page = visit(**look)
    assert page.viewport_size == look["viewport"]
    assert page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches") == (look["color_scheme"] == "dark")
