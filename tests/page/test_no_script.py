"""Without JavaScript the page says so, and what to do."""

from playwright.sync_api import expect


def test_it_says_what_to_do(visit, look):
    page = visit(**look, java_script_enabled=False)
    expect(page.get_by_text("needs JavaScript")).to_be_visible()
    expect(page.get_by_text("/generate.png?prompt=")).to_be_visible()
