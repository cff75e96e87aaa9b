"""The key of a service that wants one: asked for once it is wanted, kept for the session, sent nowhere else."""

import json
import re

from playwright.sync_api import expect

from tests.page.person import make, make_button, pictures, prompt_field

REFUSED = {"success": False, "error": "A key is required.", "code": "key_required"}


def wants_key(page, right="the-key"):
    """Let the service want a key, as a proxy before it may; what has the key reaches the service itself."""

    def answer(route):
        if route.request.headers.get("authorization") == f"Bearer {right}":
            return route.continue_()
        return route.fulfill(status=401, content_type="application/json", body=json.dumps(REFUSED))

    page.route("**/generate**", answer)
    page.route("**/images/**", answer)


def test_the_key_is_asked_for_once_it_is_wanted(page, watch):
    watch.expect("401")
    wants_key(page)
    expect(page.get_by_label("API key")).to_be_hidden()
    prompt_field(page).fill("a picture for a key")
    make_button(page).click()
    field = page.get_by_label("API key")
    expect(field).to_be_focused()
    expect(field).to_have_accessible_description(re.compile("This service wants a key. Enter it here"))
    field.fill("  wrong key ")
    field.blur()
    expect(page.get_by_text("A key has no spaces")).to_be_visible()
    field.fill(" the-key ")
    field.press("Control+Enter")
    expect(pictures(page).first.get_by_role("img").first).to_have_attribute("src", re.compile("^blob:"))
    assert "the-key" not in page.url
    assert page.evaluate("() => JSON.stringify(localStorage)").find("the-key") == -1


def test_the_key_lasts_as_long_as_the_tab(page):
    page.get_by_text("Key", exact=True).click()
    page.get_by_label("API key").fill("the-key")
    page.get_by_label("API key").blur()
    page.reload()
    page.get_by_text("Key", exact=True).click()
    expect(page.get_by_label("API key")).to_have_value("the-key")
    other = page.context.new_page()
    other.goto("/")
    expect(other.get_by_label("API key")).to_have_value("")


def test_the_key_goes_to_this_service_alone(page):
    sent = page.evaluate(
        """async () => {
          const { keepKey, request } = await import("/static/any/credentials.js");
          keepKey("the-key");
          const seen = [];
          window.fetch = async (address, init) => (seen.push([String(address), init.headers.get("Authorization")]),
            new Response("", { status: 200 }));
          await request("models");
          await request("https://storage.example/a.png");
          return seen.map(([address, key]) => [new URL(address).pathname, key]);
        }"""
    )
    assert sent == [["/models", "Bearer the-key"], ["/a.png", None]]


def test_without_a_key_nothing_is_asked_for(page):
    make(page, "no key at all")
    expect(page.get_by_label("API key")).to_be_hidden()
