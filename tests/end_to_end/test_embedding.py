"""Pictures in other sites' pages and caches: both tiers and a real Chromium."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests

from tests.fakes.playwright_browser import chromium
from tests.fakes.processes import Server, api, worker

QUERY = "prompt=a+boat&seed=5&model=sketch"
MISSING = f"/images/{'a' * 64}.png"
LATER = "Wed, 21 Oct 2065 07:28:00 GMT"
# Shows pictures, and tells which came; `crossOriginIsolated` says that COEP is in force.
PAGE = """<!doctype html><script>
const seen = {}
function show(address) {
  const image = new Image()
  image.onload = () => { seen[address] = true }
  image.onerror = () => { seen[address] = false }
  image.src = address
}
</script>"""


@dataclass
class Tiers:
    """Both tiers, and the path of a picture that they have."""

    front: Server
    renderer: Server
    picture: str

    @property
    def etag(self) -> str:
        return self.picture.rpartition("/")[2].partition(".")[0]

    def get(self, tier: str, path: str, **headers: str) -> requests.Response:
        server = self.front if tier == "api" else self.renderer
        sent = {name.replace("_", "-"): value.replace("TAG", self.etag) for name, value in headers.items()}
        return requests.get(f"{server.url}{path}", headers=sent, allow_redirects=False, timeout=30)


@pytest.fixture(scope="module")
def tiers(tmp_path_factory) -> Iterator[Tiers]:
    folder = tmp_path_factory.mktemp("images")
    with worker(ENGINES="horde", LOCAL_STORAGE_DIR=folder) as renderer, api(PERCHANCE_WORKER_URL=renderer.url) as front:
        address = requests.get(f"{front.url}/generate?{QUERY}", timeout=30).json()["image_url"]
        yield Tiers(front, renderer, address.removeprefix(front.url))


@pytest.fixture
def site() -> Iterator[str]:
    """Serve PAGE under COEP, at another origin."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
            self.send_header("Cross-Origin-Opener-Policy", "same-origin")
            self.end_headers()
            self.wfile.write(PAGE.encode())

        def log_message(self, *_: object) -> None:
            """Stay silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://localhost:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_page_under_coep_shows_every_picture(tiers, site):
    front = tiers.front.url
    addresses = [
        f"{front}{tiers.picture}",
        f"{front}/generate?{QUERY}",
        f"{front}/generate.png?{QUERY}",
        f"{front}/generate?{QUERY}&format=image&output_format=webp",
        f"{front}//generate.png?{QUERY}",  # redirected, and COEP asks each hop
        f"{front}/wake.gif",
        f"{tiers.renderer.url}{tiers.picture}",
    ]
    blocked = f"{front}{MISSING}"
    with chromium() as browser:
        page = browser.new_page()
        failed = []
        page.on("requestfailed", lambda request: failed.append((request.url, request.failure)))
        page.goto(site)
        assert page.evaluate("crossOriginIsolated")
        for address in [*addresses, blocked]:
            page.evaluate("address => show(address)", address)
        page.wait_for_function(f"Object.keys(seen).length === {len(addresses) + 1}")
        assert page.evaluate("seen") == {**dict.fromkeys(addresses, True), blocked: False}
    # The missing one by its type, JSON (opaque response blocking), and not by COEP, which is BLOCKED_BY_RESPONSE.
    assert failed == [(blocked, "net::ERR_BLOCKED_BY_ORB")]


@pytest.mark.parametrize("tier", ["api", "worker"])
@pytest.mark.parametrize(
    ("headers", "status", "length"),
    [
        ({"If_None_Match": '"TAG"'}, 304, 0),
        ({"If_None_Match": 'W/"TAG"'}, 304, 0),
        ({"If_None_Match": '"other", W/"TAG"'}, 304, 0),
        ({"If_None_Match": '"other"'}, 200, None),
        ({"If_None_Match": "*"}, 304, 0),
        ({"If_None_Match": 'W/"TAG"', "Range": "bytes=0-3"}, 304, 0),
        ({"If_None_Match": "*", "Range": "bytes=0-3"}, 304, 0),
        ({"If_None_Match": '"other"', "Range": "bytes=0-3"}, 206, 4),
        ({"If_None_Match": '"other"', "If_Modified_Since": LATER}, 200, None),
        ({"If_Match": '"TAG"'}, 200, None),
        ({"If_Match": '"other", "TAG"'}, 200, None),
        ({"If_Match": "*"}, 200, None),
        ({"If_Match": "*", "Range": "bytes=0-3"}, 206, 4),
        ({"If_Match": 'W/"TAG"'}, 412, None),
        ({"If_Match": '"other"'}, 412, None),
        ({"If_Match": '"other"', "If_None_Match": '"TAG"'}, 412, None),
        ({"If_Match": '"other"', "Range": "bytes=0-3"}, 412, None),
        ({"Range": "bytes=0-3"}, 206, 4),
        ({"Range": "BYTES=0-3"}, 206, 4),
        ({"Range": "bytes=-5"}, 206, 5),
        ({"Range": "bytes=5-"}, 206, -5),
        ({"Range": "bytes=0-99999999"}, 206, None),
        ({"Range": "bytes=-99999999"}, 200, None),  # longer than the picture: all of it
        ({"Range": "bytes=-0"}, 416, None),
        ({"Range": "bytes=99999999-"}, 416, None),
        ({"Range": "bytes=0-3,8-9"}, 200, None),  # a server may ignore several ranges: RFC 9110, 14.2
        ({"Range": "bytes=0-3, -5"}, 200, None),
        ({"Range": "bytes=0-9,5-14"}, 200, None),
        ({"Range": "bytes=0-3,99999999-"}, 200, None),
        ({"Range": "bytes=99999999-,0-3"}, 200, None),
        ({"Range": "characters=0-3"}, 200, None),
        ({"Range": "bytes=9-3"}, 200, None),
        ({"Range": "bytes=a-b"}, 200, None),
        ({"Range": "bytes="}, 200, None),
        ({"Range": "bytes=-"}, 200, None),
        ({"Range": f"bytes=0-{'9' * 5000}"}, 200, None),
        ({"Range": "bytes=0-3", "If_Range": '"TAG"'}, 206, 4),
        ({"Range": "bytes=0-3", "If_Range": 'W/"TAG"'}, 200, None),
        ({"Range": "bytes=0-3", "If_Range": '"other"'}, 200, None),
        ({"Range": "bytes=0-3", "If_Range": LATER}, 200, None),
        ({"Range": "bytes=99999999-", "If_Range": '"other"'}, 200, None),
    ],
)
def test_conditional_and_range_requests(tiers, tier, headers, status, length):
    answer = tiers.get(tier, tiers.picture, **headers)
    assert (answer.status_code, answer.headers["Cross-Origin-Resource-Policy"]) == (status, "cross-origin")
    if status < 400:
        assert answer.headers["ETag"] == f'"{tiers.etag}"'
        whole = tiers.get(tier, tiers.picture).content
        assert len(answer.content) == (len(whole) if length is None else length % len(whole) if length else 0)
        assert status != 200 or answer.content == whole
    if status == 412:
        assert answer.json()["error"] == "The picture is none of those that If-Match names."
    if status == 416:
        assert answer.headers["Content-Range"].startswith("bytes */")


@pytest.mark.parametrize("tier", ["api", "worker"])
def test_no_condition_makes_a_missing_picture_exist(tiers, tier):
    for headers in ({"If_None_Match": "*"}, {"If_Match": "*"}, {"If_Match": '"x"'}, {"Range": "bytes=0-3"}):
        answer = tiers.get(tier, MISSING, **headers)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
        assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"


@pytest.mark.parametrize("tier", ["api", "worker"])
def test_head_has_the_whole_picture_s_length(tiers, tier):
    server = tiers.front if tier == "api" else tiers.renderer
    answer = requests.head(f"{server.url}{tiers.picture}", headers={"Range": "bytes=0-3"}, timeout=30)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "image/png")
    assert answer.headers["Content-Length"] == str(len(tiers.get(tier, tiers.picture).content))


@pytest.mark.parametrize(
    "address", ["/generate?prompt=new&seed=5&model=sketch", "/generate.webp?prompt=new&model=sketch"]
)
def test_head_of_what_is_not_made_has_no_length(tiers, address):
    answer = requests.head(f"{tiers.front.url}{address}", timeout=30)
    assert answer.status_code == 200
    assert not {"Content-Length", "Transfer-Encoding"} & answer.headers.keys()


def test_a_link_preview_bot_gets_no_websocket(tiers):
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec_WebSocket_Version": "13"}
    handshake = {**upgrade, "Sec_WebSocket_Key": "AAAAAAAAAAAAAAAAAAAAAA==", "User_Agent": "Twitterbot/1.0"}
    answer = tiers.get("api", "/stream/generate/txt2img", **handshake)
    assert (answer.status_code, answer.json()["code"]) == (503, "speculative_request")


def test_json_and_events_stay_one_line_wherever_they_are_cut(tiers):
    prompt = "a\u2028b\u2029c</script><!--d"
    for headers in ({}, {"Accept": "text/event-stream"}):
        answer = requests.get(
            f"{tiers.front.url}/generate", params={"prompt": prompt, "model": "sketch"}, headers=headers, timeout=30
        )
        text = answer.content.decode()
        assert not any(it in text for it in ("\u2028", "\u2029", "</script", "<!--"))
        lines = [line.removeprefix("data: ") for line in text.splitlines() if line.removeprefix("data: ")[:1] == "{"]
        assert json.loads(lines[-1])["prompt"] == prompt
    lines = requests.post(
        f"{tiers.renderer.url}/generate",
        json={"prompt": prompt, "model": "sketch"},
        headers={"Accept": "application/x-ndjson"},
        timeout=30,
    ).content.decode()
    assert json.loads(lines.splitlines()[-1])["result"]["prompt"] == prompt
