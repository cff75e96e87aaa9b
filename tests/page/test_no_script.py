"""Without JavaScript the page says so, and what to do."""

from playwright.sync_api import expect


def test_it_says_what_to_do(visit, look):
    said = visit(**look, java_script_enabled=False).locator("noscript p")  # text in it is none to get_by_text
    expect(said).to_be_visible()
    expect(said).to_contain_text("needs JavaScript")
    expect(said).to_contain_text("/generate.png?prompt=")
