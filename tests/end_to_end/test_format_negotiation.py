"""output_format=auto through both tiers: a real browser shows the format that it prefers, and so does each client."""

import io
import json
import subprocess
import sys
from functools import partial

import pytest
import requests
from PIL import Image

from sandbox.cloudinary import CLOUDINARY_URL
from tests.end_to_end.conftest import TOKEN, running
from tests.fakes.playwright_browser import chromium
from tests.fakes.processes import ROOT, api, clean_environment
from tests.fakes.s3_server import S3Server

BOAT = "prompt=a+boat&seed=5&model=sketch&output_format=auto"
IMG = {"Sec-Fetch-Dest": "image"}
CHROME = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"
OLD_CHROME = "image/webp,image/apng,image/*,*/*;q=0.8"
SAFARI = (
    "image/webp,image/avif,image/jxl,image/heic,image/heic-sequence,video/*;q=0.8,image/png,image/svg+xml"
    ",image/*;q=0.8,*/*;q=0.5"
)
SHOW = """address => new Promise(done => {
  const image = new Image()
  image.onload = () => done([image.naturalWidth, image.naturalHeight])
  image.onerror = () => done(null)
  image.src = address
})"""


@pytest.fixture(scope="module")
def tiers(tmp_path_factory):
    with running(tmp_path_factory.mktemp("images"), PERCHANCE_ROUTES="package") as stack:
        yield stack


def kind_of(response: requests.Response) -> tuple[str, str, dict[str, str]]:
    """Return the type that the response names, the one of its bytes, and the recipe inside."""
    image = Image.open(io.BytesIO(response.content))
    image.load()
    texts = getattr(image, "text", None) or json.loads(image.getexif()[0x010E])
    return response.headers["Content-Type"], f"image/{(image.format or '').lower()}", texts


def test_a_browser_shows_it(tiers):
    address = f"{tiers.api.url}/generate?{BOAT}"
    with chromium() as browser:
        page = browser.new_page()
        shown = []
        page.on("response", lambda response: shown.append((response.status, response.headers.get("content-type"))))
        page.route(f"{tiers.api.url}/a-page", lambda route: route.fulfill(body="<title>A page"))
        page.goto(f"{tiers.api.url}/a-page")
        shown.clear()
        assert page.evaluate(SHOW, address) == [768, 768]
        assert page.evaluate(SHOW, f"{address}&format=image") == [768, 768]
        page.reload()
        shown.clear()
        assert page.evaluate(SHOW, address) == [768, 768]
        assert shown == [(200, "image/avif")] or shown == [(304, None)]
        webp = page.context.request.get(address, headers={"Accept": "image/webp"}).body()
        assert (
            page.evaluate(
                "bytes => createImageBitmap(new Blob([new Uint8Array(bytes)])).then(it => it.width)", list(webp)
            )
            == 768
        )


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (CHROME, "image/avif"),
        ("image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5", "image/avif"),
        (SAFARI, "image/avif"),
        (OLD_CHROME, "image/webp"),
        ("image/webp,*/*", "image/webp"),
        ("image/png,image/svg+xml,image/*;q=0.8,video/*;q=0.8,*/*;q=0.5", "image/png"),
        ("image/jpeg", "image/jpeg"),
        ("*/*", "image/png"),
    ],
)
def test_each_client_gets_what_it_shows(tiers, accept, expected):
    """Of one picture that the worker has stored as PNG; an <img> follows the redirect to it."""
    for query, headers in ((f"{BOAT}&format=image", {}), (BOAT, IMG)):
        response = requests.get(f"{tiers.api.url}/generate?{query}", headers={"Accept": accept, **headers}, timeout=30)
        named, found, texts = kind_of(response)
        assert (response.status_code, named, found) == (200, expected, expected)
        assert (texts["prompt"], texts["seed"], texts["engine"]) == ("a boat", "5", "sketch")


def test_a_jpeg_of_the_engine_s_stays_one(tiers):
    """Perchance's files are JPEGs."""
    query = "prompt=a+tree&seed=6&model=perchance&output_format=auto"
    told = tiers.get(f"/generate?{query}").json()
    assert (told["content_type"], told["image_url"][-4:]) == ("image/jpeg", ".jpg")
    stored = requests.get(told["image_url"], timeout=30)
    assert kind_of(stored)[:2] == ("image/jpeg", "image/jpeg")
    for accept, expected in (("*/*", "image/jpeg"), ("image/png", "image/png"), (CHROME, "image/avif")):
        response = tiers.get(f"/generate?{query}&format=image", headers={"Accept": accept})
        assert kind_of(response)[:2] == (expected, expected)
        assert kind_of(response)[2]["prompt"] == "a tree"
        assert (response.content == stored.content) == (expected == "image/jpeg")
    assert len(tiers.requests_to("generate")) == 1


def test_layout_comes_with_it(tiers):
    told = tiers.get(f"/generate?{BOAT}").json()
    assert (told["alt"], len(told["dominant_color"]), len(told["blurhash"]) > 6) == ("a boat", 7, True)


def check_elsewhere(stack, origin: str) -> None:
    with api(PERCHANCE_WORKER_URL=stack.worker.url, WORKER_TOKEN=TOKEN, PICTURE_ORIGINS=origin) as front:
        for cached in ("MISS", "HIT"):
            response = requests.get(
                f"{front.url}/generate?{BOAT}", headers={"Accept": CHROME}, allow_redirects=False, timeout=30
            )
            assert (response.status_code, response.headers["X-Cache"]) == (200, cached)
            assert kind_of(response)[:2] == ("image/avif", "image/avif")
            assert response.headers["Content-Location"].startswith(origin)
    # Here its host is none that may be read, so the client reads it itself.
    unread = stack.get(f"/generate?{BOAT}", headers={"Accept": CHROME})
    assert (unread.status_code, unread.headers["Location"].startswith(origin)) == (302, True)


@pytest.mark.parametrize(
    "settings",
    [
        {"STORAGE": "imgur", "IMGUR_CLIENT_ID": "an-id"},
        {"STORAGE": "cloudinary", "CLOUDINARY_URL": CLOUDINARY_URL},
    ],
)
def test_a_picture_elsewhere_is_negotiated_too(tmp_path, settings):
    with running(tmp_path, ready=False, **settings) as stack:
        check_elsewhere(stack, stack.sandbox.url)


def test_a_picture_that_is_deleted_elsewhere_is_gone_in_every_format(tmp_path):
    settings = {"STORAGE": "cloudinary", "CLOUDINARY_URL": CLOUDINARY_URL}
    with (
        running(tmp_path, ready=False, **settings) as stack,
        api(PERCHANCE_WORKER_URL=stack.worker.url, WORKER_TOKEN=TOKEN, PICTURE_ORIGINS=stack.sandbox.url) as front,
    ):
        ask = partial(requests.get, f"{front.url}/generate?{BOAT}", headers={"Accept": CHROME}, timeout=30)
        address = ask().headers["Content-Location"]
        assert ask().headers["X-Cache"] == "HIT"
        environment = clean_environment(
            LOCAL_STORAGE_DIR=tmp_path, CLOUDINARY_API_URL=f"{stack.sandbox.url}/v1_1", **settings
        )
        command = [sys.executable, "-m", "render_worker.delete", address]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=30)
        assert done.returncode == 0, done.stdout + done.stderr
        assert (ask().status_code, ask().headers["X-Cache"]) == (410, "MISS")


def test_a_picture_behind_a_signed_link_is_negotiated_too(tmp_path):
    with S3Server() as s3:
        s3.serve_links()
        settings = {name.upper(): value for name, value in s3.settings().items()}
        with running(tmp_path, ready=False, STORAGE="s3", **settings) as stack:
            check_elsewhere(stack, s3.url)
