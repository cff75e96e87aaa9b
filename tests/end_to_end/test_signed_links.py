"""Signed links at real servers: printed by the command, shown by a real Chromium on another site, without a key."""

import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests

from tests.fakes.playwright_browser import chromium
from tests.fakes.processes import ROOT, Server, api, clean_environment, wait_until, worker

LOADED = "it => it.complete && it.naturalWidth > 0"


@pytest.fixture(scope="module")
def settings(tmp_path_factory) -> dict[str, object]:
    folder = tmp_path_factory.mktemp("links")
    return {"AUTH": "keys", "DATABASE_URL": f"sqlite:///{folder}/jobs.db"}


@pytest.fixture(scope="module")
def front(settings, tmp_path_factory) -> Iterator[Server]:
    with (
        worker(ENGINES="horde", LOCAL_STORAGE_DIR=tmp_path_factory.mktemp("images")) as renderer,
        api(PERCHANCE_WORKER_URL=renderer.url, **settings) as server,
    ):
        yield server


def sign(settings: dict[str, object], *arguments: str) -> str:
    """Return what the command prints, run as an operator does."""
    done = subprocess.run(
        [sys.executable, "-m", "flask", "--app", "app", "sign", *arguments],
        cwd=ROOT,
        env=clean_environment(**settings),
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    (line,) = done.stdout.splitlines()
    return line


@pytest.fixture
def link(settings, front) -> Callable[..., str]:
    """Makes links to the service."""
    return lambda address, expires="1h": sign(settings, address, "--expires", expires, "--base-url", front.url)


@pytest.fixture
def site() -> Iterator[Callable[[str], str]]:
    """Serves a page with an <img> at another origin, and returns its address."""
    pages: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(pages[int(self.path.strip("/") or 0)].encode())

        def log_message(self, *_: object) -> None:
            """Stay silent."""

    def serve(page: str) -> str:
        pages.append(page)
        return f"http://localhost:{server.server_port}/{len(pages) - 1}"

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield serve
    server.shutdown()
    server.server_close()


def test_an_img_on_another_site_shows_it_without_a_key(link, site, front):
    query = "prompt=a small boat&seed=7&model=sketch"
    addresses = [link(f"/generate?{query}"), link(f"/generate.png?{query}"), link(f"/sheet?{query}")]
    unsigned = f"{front.url}/generate.png?prompt=b&model=sketch"
    tags = "".join(f'<img src="{it.replace("&", "&amp;")}">' for it in [*addresses, unsigned])
    with chromium() as browser:
        page = browser.new_page()
        page.goto(site(tags))
        images = page.query_selector_all("img")
        for image in images[:3]:
            page.wait_for_function(LOADED, arg=image)
        page.wait_for_function("it => it.complete", arg=images[3])
        assert not page.evaluate(LOADED, images[3])


def test_a_script_of_another_site_reads_it(link, site):
    address = link("/generate?prompt=a script's boat&model=sketch")
    with chromium() as browser:
        page = browser.new_page()
        page.goto(site("<p>another site</p>"))
        answer = page.evaluate("async address => (await fetch(address)).json()", address)
    assert answer["success"] is True


def test_no_other_request_is_opened_by_it(link, front):
    address = link("/generate.png?prompt=one boat&seed=3&model=sketch")
    assert requests.get(address, timeout=60).headers["Content-Type"] == "image/png"
    assert requests.head(address, timeout=60).status_code == 200
    for changed in (address.replace("seed=3", "seed=4"), address + "&n=1", address.replace(".png", ".jpg")):
        assert requests.get(changed, timeout=60).json()["code"] == "invalid_link"
    assert requests.post(address, json={"prompt": "a"}, timeout=60).status_code in (401, 405)
    assert requests.get(address.partition("&expires")[0], timeout=60).status_code == 401


def test_no_part_of_it_is_in_the_log(link, front):
    address = link("/generate?prompt=a logged boat&model=sketch")
    assert requests.get(address, timeout=60).status_code == 200
    assert requests.get(address + "x", timeout=60).status_code == 403
    signature = re.search("signature=(.+)", address)[1]
    assert signature not in front.log()


def test_the_database_of_a_running_service_gets_its_key_while_it_runs(settings, front, link):
    """Its first link was invented, when there was no key yet."""
    assert requests.get(f"{front.url}/generate?prompt=a&expires=9&signature=x", timeout=60).status_code == 403
    address = link("/generate?prompt=a late boat&model=sketch")
    wait_until(lambda: requests.get(address, timeout=60).status_code == 200, "the key is found", 10)
