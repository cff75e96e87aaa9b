"""/docs and /redoc: their policy, their addresses below any prefix, and the files of others that they load."""

import gzip
import hashlib
import re
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import pytest

from image_api.application import create_app
from image_api.settings import Settings
from image_api.web.pages.vendored_files import REDOC, redoc

PAGES = ("/docs", "/redoc")
# As `npm pack redoc@2.5.4` has it in bundles/.
REDOC_SHA256 = "dcaf76612bc4a3fbcc923a8966dee2f6146a5f32e5ce1b6f02dd60cbbf89500b"
PROXY = {"X-Forwarded-For": "203.0.113.7", "X-Forwarded-Prefix": "/pictures"}


class Links(HTMLParser):
    """What a page loads, and what is in it that a strict policy forbids."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.forbidden: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag == "script":
            self.loaded.append(given["src"])
        if tag == "link":
            self.loaded.append(given["href"])
        self.forbidden += [name for name in given if name == "style" or name.startswith("on")]


def test_it_works(client):
    for path in PAGES:
        response = client.get(path)
        assert (response.status_code, response.mimetype) == (200, "text/html")
        assert "no-store" in response.headers["Cache-Control"]
        assert Links(response.text).forbidden == []


@pytest.mark.parametrize("path", [*PAGES, "/docs/", "/redoc/"])
def test_it_is_answered_at_this_very_address_and_loads_what_there_is(client, path):
    page = client.get(path)
    assert page.status_code == 200
    loaded = [urljoin(path, url) for url in Links(page.text).loaded]
    assert len(loaded) >= 4
    for url in loaded:
        assert not urlsplit(url).netloc
        assert client.get(url).status_code == 200, url


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("leaves_prefix", [True, False], ids=["the proxy leaves its prefix", "it removes its prefix"])
def test_below_a_prefix_each_address_has_it(path, leaves_prefix):
    client = create_app(Settings(trusted_proxies="1")).test_client()
    page = client.get(f"/pictures{path}" if leaves_prefix else path, headers=PROXY)
    assert page.status_code == 200
    addresses = re.findall(r'(?:href|src|data-document)="([^"]+)"', page.text)
    assert {urljoin(f"/pictures{path}", url).startswith("/pictures/") for url in addresses} == {True}
    assert urljoin(f"/pictures{path}", "openapi.json") == "/pictures/openapi.json"


@pytest.mark.parametrize("path", PAGES)
def test_no_script_and_no_style_comes_from_elsewhere_or_out_of_the_page(client, path):
    policy = dict(part.strip().split(" ", 1) for part in client.get(path).headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["connect-src"] == "'self'"
    assert "unsafe" not in str(policy)
    assert "http" not in str(policy)
    assert policy["style-src"] == "'self'" or re.match(r"'self' 'nonce-[\w-]{22}' 'sha256-", policy["style-src"])


def test_each_page_has_a_nonce_of_its_own(client):
    first, second = (client.get("/redoc") for _ in range(2))
    nonces = [re.search(r"'nonce-([\w-]+)'", each.headers["Content-Security-Policy"])[1] for each in (first, second)]
    assert nonces[0] != nonces[1]
    assert [f'data-nonce="{nonce}"' in page.text for nonce, page in zip(nonces, (first, second), strict=True)] == [
        True
    ] * 2


@pytest.mark.parametrize("path", PAGES)
def test_files_of_others_come_compressed_and_are_kept_for_ever(client, path):
    for url in (url for url in Links(client.get(path).text).loaded if url.startswith("vendor/")):
        zipped = client.get(f"/{url}", headers={"Accept-Encoding": "br, gzip"})
        plain = client.get(f"/{url}")
        assert zipped.headers["Content-Encoding"] == "gzip"
        assert "Content-Encoding" not in plain.headers
        assert gzip.decompress(zipped.data) == plain.data
        assert len(zipped.data) < len(plain.data) / 2
        for response in (zipped, plain):
            assert response.headers["Vary"] == "Accept-Encoding"
            assert "immutable" in response.headers["Cache-Control"]
            assert response.mimetype in ("text/javascript", "text/css")


@pytest.mark.parametrize(
    "url",
    [
        f"/vendor/{REDOC}/LICENSE",
        f"/vendor/{REDOC}/other.js",
        "/vendor/redoc-1/redoc.standalone.js",
        f"/vendor/{REDOC}/..%2f{REDOC}%2fredoc.standalone.js",
        "/vendor/flask-swagger-ui-5.34.0/swagger-ui.js",
        "/vendor/../settings.py",
        "/vendor/",
    ],
)
def test_no_other_file_is_served(client, url):
    assert client.get(url).status_code == 404


def test_redoc_is_what_npm_has_with_its_licence():
    folder = redoc("redoc.standalone.js").folder
    assert hashlib.sha256((folder / "redoc.standalone.js").read_bytes()).hexdigest() == REDOC_SHA256
    assert "MIT License" in (folder / "LICENSE").read_text()
    assert (folder / "redoc.standalone.js.LICENSE.txt").stat().st_size > 1000


def test_redoc_asks_no_other_host_for_its_logo(client):
    [url] = [url for url in Links(client.get("/redoc").text).loaded if url.startswith("vendor/")]
    assert b"cdn.redoc.ly" not in client.get(f"/{url}").data


def test_a_link_to_it_unfurls_and_costs_nothing(client):
    for path in PAGES:
        page = client.get(path, headers={"User-Agent": "Mozilla/5.0 (compatible; Discordbot/2.0)"})
        assert page.status_code == 200
        assert 'property="og:title" content="Image Generation API"' in page.text
