"""/docs and /redoc in a browser: shown, and requests tried out, without a violation of their policy."""

import pytest
from playwright.sync_api import Page, expect


def operation(page: Page, path: str, method: str = "get"):
    """Return the block of an operation in Swagger UI."""
    return page.locator(f".opblock-{method}").filter(has=page.locator(f'[data-path="{path}"]'))


def tried(page: Page, path: str, method: str = "get", **values: str):
    """Open an operation, fill in its parameters, send it, and return the block with its response."""
    block = operation(page, path, method)
    block.locator(".opblock-summary-control").click()
    for name, value in values.items():
        block.locator(f'tr[data-param-name="{name}"] input').fill(value)
    block.get_by_role("button", name="Execute").click()
    expect(block.locator(".live-responses-table")).to_be_visible()
    return block


def status_of(block) -> str:
    """Return the status of the response."""
    return block.locator(".live-responses-table .response-col_status").last.inner_text().split()[0]


def test_swagger_ui_shows_each_operation(visit, look):
    page = visit("/docs", **look)
    expect(operation(page, "/generate")).to_be_visible()
    dark = look["color_scheme"] == "dark"
    assert page.evaluate("document.documentElement.classList.contains('dark-mode')") == dark
    width = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert width[0] <= width[1]


def test_a_picture_is_made_by_trying_it_out(visit):
    page = visit("/docs")
    block = tried(page, "/generate", prompt="a boat in the documents", model="sketch")
    assert status_of(block) == "200"
    expect(block.locator(".live-responses-table")).to_contain_text('"image_url"')
    expect(block.locator(".curl-command")).to_contain_text("/generate?prompt=a%20boat%20in%20the%20documents")


def test_a_picture_that_is_the_response_is_shown(visit):
    page = visit("/docs")
    block = tried(page, "/generate.{ending}", prompt="a boat as a file", model="sketch")
    picture = block.locator(".live-responses-table img")
    expect(picture).to_be_visible()
    assert picture.evaluate("(img) => img.decode().then(() => img.naturalWidth)") == 768


def test_an_error_is_shown_as_the_sentence_that_it_is(visit, watch):
    watch.expect(r"Failed to load resource.*400")
    block = tried(visit("/docs"), "/generate", prompt="a boat", width="512")
    assert status_of(block) == "400"
    expect(block.locator(".live-responses-table")).to_contain_text("height")


def test_redoc_shows_each_operation(visit, look):
    page = visit("/redoc", **look)
    heading = page.get_by_role("heading", name="Generate a picture from the query's parameters.")
    expect(heading.first).to_be_visible()
    width = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert width[0] <= width[1]


@pytest.mark.parametrize(("path", "link", "end"), [("/docs", "Read it", "/redoc"), ("/redoc", "Try it out", "/docs")])
def test_each_leads_to_the_other_and_to_the_page(visit, path, link, end):
    page = visit(path)
    page.get_by_role("navigation", name="Pages about the API").get_by_role("link", name=link).click()
    page.wait_for_url(f"**{end}")
    page.get_by_role("link", name="Make a picture").click()
    expect(page.get_by_role("heading", name="Make a picture", level=1)).to_be_visible()


def test_without_javascript_it_says_where_the_document_is(visit):
    page = visit("/docs", java_script_enabled=False)
    assert "Without it, read openapi.json." in page.locator("body").inner_text()
