"""The headers that keep what a page knows to itself, and those of whatever else a browser may render."""

import re
import socket

import pytest

from image_api.web.pages import security_headers
from image_api.web.pages.static_files import static_url
from tests.api.conftest import NAME
from tests.api.test_disclosure import HEALTH, MODELS
from tests.api.test_picture_pages import BROWSER
from tests.api.test_preview_bots import SLACK
from tests.fakes.processes import api

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


FILLED = {"name": NAME, "job_id": "0" * 32, "model": "sketch", "ending": "png", "file": "base.css", "request_id": "x"}
VARIABLE = re.compile(r"<(?:[^:>]*:)?([a-z_]+)>")
AS = [WINDOW, {"Accept": "application/json"}, {"Accept": "text/event-stream"}, {"Accept": "image/*"}, SLACK]
MAKING = re.compile(r"/(?:generate|sheet)\b")
RENDERED = {
    *("text/html", "application/json", "text/plain", "text/event-stream", "image/png", "image/gif", "image/svg+xml"),
    *("text/css", "text/javascript", "image/vnd.microsoft.icon", "application/manifest+json"),
}


def addresses(application) -> list[str]:
    """Return an address of every rule that answers GET, and of what else there is below those of files."""
    rules = [rule.rule for rule in application.url_map.iter_rules() if "GET" in rule.methods]
    found = [VARIABLE.sub(lambda it: FILLED.get(it[1], "x"), rule) for rule in rules]
    pictures = [
        f"{path}?prompt=a+tree&seed=7{'&seeds=4' * path.startswith('/sheet')}" for path in found if MAKING.match(path)
    ]
    with application.test_request_context():
        files = [static_url(name) for name in ("main.js", "base.css", "icon.svg", "icon-192.png")]
    return [*found, *pictures, *files, "/nowhere"]


def test_whatever_a_browser_may_render_runs_and_loads_nothing_from_elsewhere(client, worker, keeps):
    keeps()
    worker.say_to("/health", 200, HEALTH)
    worker.say_to("/models", 200, MODELS)
    rendered = set()
    for path in addresses(client.application):
        for headers in AS:
            answer = client.get(path, headers=headers)
            if answer.status_code in (204, 304) or not answer.mimetype:
                continue
            if answer.mimetype == "text/html" and not answer.data:  # a redirect without a body
                continue
            rendered.add(answer.mimetype)
            policy = answer.headers["Content-Security-Policy"]
            assert policy.startswith("default-src 'none'"), (path, headers)
            assert "base-uri 'none'" in policy, (path, headers)
            assert ("frame-ancestors 'none'" in policy) != answer.mimetype.startswith("image/"), (path, headers)
            assert answer.headers["X-Content-Type-Options"] == "nosniff", (path, headers)
            if answer.mimetype == "text/html":
                assert not security_headers.PAGE_HEADERS.keys() - answer.headers.keys(), (path, headers)
    assert rendered >= RENDERED


@pytest.mark.parametrize("headers", [{"If-None-Match": f'"{NAME[:64]}"'}], ids=["a known picture"])
def test_a_304_changes_no_policy_in_a_cache(client, keeps, headers):
    keeps()
    answer = client.get(f"/images/{NAME}", headers=headers)
    assert (answer.status_code, "Content-Security-Policy" in answer.headers) == (304, False)


@pytest.mark.parametrize("path", ["/", "/health", f"/images/{NAME}", "/nowhere"])
@pytest.mark.parametrize(
    ("base", "expected"),
    [
        ("https://pictures.example", security_headers.STRICT_TRANSPORT),
        ("https://pictures.example:8443", security_headers.STRICT_TRANSPORT),
        ("http://pictures.example", None),
        ("https://localhost:8443", None),
        ("https://pictures.localhost", None),
    ],
)
def test_over_https_browsers_are_told_to_stay_there(client, keeps, path, base, expected):
    keeps()
    assert client.get(path, base_url=base).headers.get("Strict-Transport-Security") == expected


def test_a_request_that_is_no_http_is_answered_under_the_policy_too():
    with api() as server:
        with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
            connection.sendall(b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n")
            head = connection.makefile("rb").read()
    assert b"\r\nContent-Security-Policy: default-src 'none'" in head


def test_a_page_that_forgets_its_policy_gets_the_strictest(client):
    @client.application.get("/forgets")
    def forgets() -> str:
        return "<p>"

    assert client.get("/forgets").headers["Content-Security-Policy"].startswith("default-src 'none'; base-uri")
