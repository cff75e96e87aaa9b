"""The headers that keep what a page knows to itself, on every page that there is."""

import pytest

from image_api.web.pages import security_headers
from tests.api.conftest import NAME
from tests.api.test_picture_pages import BROWSER
from tests.api.test_preview_bots import SLACK

WINDOW = {**BROWSER, "Sec-Fetch-Dest": "document"}
PAGES = [
    ("/", WINDOW),
    ("/", SLACK),
    ("/generate?prompt=a+tree", WINDOW),
    ("/generate?prompt=a+tree", SLACK),
    (f"/p/{NAME}", WINDOW),
    ("/p/x", WINDOW),
    ("/status", WINDOW),
    (f"/images/{NAME}", WINDOW),
    ("/docs", WINDOW),
    ("/redoc", WINDOW),
]
WITHOUT_SCRIPTS = {"/p/x", "/status", f"/images/{NAME}"}


@pytest.fixture
def page(request, client, worker):
    worker.say(404, {"success": False, "error": "No.", "code": "not_found"})
    path, headers = request.param
    answer = client.get(path, headers=headers)
    assert answer.mimetype == "text/html"
    return path, answer


@pytest.mark.parametrize("page", PAGES, ids=str, indirect=True)
def test_it_works(page):
    _, answer = page
    for name in security_headers.PAGE_HEADERS:
        assert len(answer.headers.getlist(name)) == 1
    assert answer.headers["Referrer-Policy"] == "same-origin"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    policy = dict(rule.strip().split(" ", 1) for rule in answer.headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
    assert "unsafe-inline" not in policy.get("script-src", "")


@pytest.mark.parametrize("page", [it for it in PAGES if it[0] in WITHOUT_SCRIPTS], ids=str, indirect=True)
def test_a_page_without_scripts_may_run_and_send_nothing(page):
    _, answer = page
    policy = answer.headers["Content-Security-Policy"]
    assert "script-src" not in policy
    assert "connect-src" not in policy
    assert "https:" not in policy
    assert "form-action 'none'" in policy
    assert "<script" not in answer.text


@pytest.mark.parametrize("path", ["/generate?prompt=a+tree", "/health", "/", "/badge.svg", "/openapi.json"])
def test_what_is_no_page_has_none(client, path):
    headers = client.get(path, headers={"Accept": "application/json"}).headers
    assert not {"Referrer-Policy", "Permissions-Policy", "Cross-Origin-Opener-Policy"} & {*headers.keys()}


def test_a_page_that_forgets_its_policy_gets_the_strictest(client):
    @client.application.get("/forgets")
    def forgets() -> str:
        return "<p>"

    assert client.get("/forgets").headers["Content-Security-Policy"].startswith("default-src 'none'; base-uri")
