"""The pages' policy: word by word, and in force against scripts and styles that got into the document."""

import pytest
import requests
from playwright.sync_api import expect

POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' https: data: blob:",
    "connect-src": "'self'",
    "manifest-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
    "require-trusted-types-for": "'script'",
    "trusted-types": "'none'",
}
INJECTED = {
    "script-src-elem": "<script>window.ran = true</script>",
    "script-src-attr": "<img src='data:,' onerror='window.ran = true'>",
    "style-src-elem": "<style>h1 { display: none !important }</style>",
    "style-src-attr": "<p style='position: fixed; inset: 0'>covered</p>",
    "base-uri": "<base href='https://elsewhere.example/'>",
    "frame-src": "<iframe src='https://elsewhere.example/'></iframe>",
    "object-src": "<object data='https://elsewhere.example/'></object>",
    "font-src": "<link rel=preload as=font crossorigin href='https://elsewhere.example/font'>",
}
PAGE = {"Accept": "text/html", "Sec-Fetch-Dest": "document"}


@pytest.mark.parametrize("path", ["/", "/generate?prompt=a+tree"])
def test_it_is_strict_word_by_word(stack, path):
    response = stack.get(path, headers=PAGE)
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    directives = [it.strip().partition(" ") for it in response.headers["Content-Security-Policy"].split(";")]
    assert {name: value for name, _, value in directives} == POLICY
    assert "unsafe" not in response.headers["Content-Security-Policy"]


@pytest.mark.parametrize(("directive", "markup"), INJECTED.items(), ids=INJECTED)
def test_markup_that_got_into_the_document_does_nothing(new_context, watch, base_url, directive, markup):
    served = requests.get(f"{base_url}/", headers=PAGE, timeout=10)
    page = new_context().new_page()
    page.route(
        "**/",
        lambda route: route.fulfill(
            status=200,
            headers=dict(served.headers) | {"content-encoding": "identity"},
            body=served.text.replace("<main", f"{markup}<main"),
        ),
    )
    watch.expect(rf"policy: {directive} blocked|console error: .*violates the following Content Security Policy")
    watch.expect(r"console error: Framing|foreign request: https://elsewhere\.example/font$")  # blocked all the same
    page.goto("/")
    page.unroute_all()
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert page.evaluate("window.ran") is None
    assert watch.saw(rf"policy: {directive} blocked")
