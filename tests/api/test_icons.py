"""The icons and the manifest, at the addresses at which browsers ask for them."""

import io
from urllib.parse import urljoin

import pytest
from PIL import Image

from tests.api.test_picture_pages import BROWSER
from tests.api.test_preview_bots import SLACK, Tags

ADDRESSES = ["/favicon.ico", "/apple-touch-icon.png", "/apple-touch-icon-precomposed.png", "/manifest.webmanifest"]


@pytest.mark.parametrize("path", ADDRESSES)
@pytest.mark.parametrize("headers", [BROWSER, SLACK], ids=["browser", "bot"])
def test_it_works(client, worker, path, headers):
    answer = client.get(path, headers=headers)
    assert answer.status_code == 200
    assert "public" in answer.headers["Cache-Control"]
    assert worker.requests == []


@pytest.mark.parametrize(("path", "sides"), [("/favicon.ico", {16, 32}), ("/apple-touch-icon.png", {180})])
def test_an_icon_is_a_picture_of_its_sizes(client, path, sides):
    with Image.open(io.BytesIO(client.get(path).data)) as image:
        found = {width for width, _ in image.info.get("sizes", {image.size})}
    assert found == sides


def test_the_manifest_s_icons_are_there_in_their_sizes(client):
    answer = client.get("/manifest.webmanifest")
    assert answer.mimetype == "application/manifest+json"
    manifest = answer.json
    assert {icon["sizes"] for icon in manifest["icons"]} == {"192x192", "512x512"}
    assert {icon["purpose"] for icon in manifest["icons"]} == {"any", "maskable"}
    for icon in manifest["icons"]:
        file = client.get(urljoin("/manifest.webmanifest", icon["src"]))
        assert "immutable" in file.headers["Cache-Control"]
        with Image.open(io.BytesIO(file.data)) as image:
            assert f"{image.width}x{image.height}" == icon["sizes"]


@pytest.mark.parametrize(
    "prefix", ["http://localhost/manifest.webmanifest", "https://a.example/b/manifest.webmanifest"]
)
def test_it_starts_at_the_front_page_whatever_the_prefix(client, prefix):
    manifest = client.get("/manifest.webmanifest").json
    assert urljoin(prefix, manifest["start_url"]) == prefix.removesuffix("manifest.webmanifest")
    assert manifest["name"]
    assert manifest["display"]


@pytest.mark.parametrize("path", ["/", "/status", f"/p/{'b' * 64}.png"])
def test_every_page_links_them(client, worker, path):
    worker.say(404, {"success": False, "error": "No.", "code": "not_found"})
    page = client.get(path, headers=BROWSER).text
    assert "link" in Tags(page).elements
    for relation in ("icon", "apple-touch-icon", "manifest"):
        href = page.split(f'<link rel="{relation}" href="')[1].split('"')[0]
        assert client.get(urljoin(path, href)).status_code == 200


@pytest.mark.parametrize("path", ["/", "/generate?prompt=a+tree"])
def test_the_app_s_canonical_address_has_no_query(client, path):
    page = client.get(path, headers={**BROWSER, "Sec-Fetch-Dest": "document"}).text
    assert '<link rel="canonical" href="http://localhost/">' in page
