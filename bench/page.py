"""`python -m bench.page`: how heavy the page is, how soon it is painted, and how soon its first picture is there.

A newcomer's browser, so with an empty cache, for each visit; beside it the same picture by the JSON call, from the
request to the picture's last byte. Pictures come from the sandbox without delay, and from the sketch engine.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median
from urllib.parse import urlencode

import requests
from playwright.sync_api import Browser, Page

from bench.table import print_table
from tests.fakes.playwright_browser import chromium
from tests.fakes.processes import api, sandbox, wait_until, worker
from tests.page.received import Received

ENGINES = {"horde": "the sandbox, without delay", "sketch": "the sketch engine"}
POLL_SECONDS = 0.1
PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
# From the click until the browser has the picture decoded, with the frame after that.
FIRST_PICTURE = """(button) => new Promise((resolve) => {
  const begun = performance.now()
  const look = () => {
    const picture = document.querySelector("#pictures article img")
    if (picture?.complete && picture.naturalWidth) picture.decode().then(() =>
      requestAnimationFrame(() => resolve(performance.now() - begun)))
    else requestAnimationFrame(look)
  }
  button.click()
  look()
})"""


@contextmanager
def _service() -> Iterator[str]:
    """Run both tiers and the sandbox; yield the API tier's address."""
    with sandbox() as site, tempfile.TemporaryDirectory() as folder:
        settings = {**site.pointers("horde"), "HORDE_POLL_SECONDS": POLL_SECONDS, "LOCAL_STORAGE_DIR": folder}
        with worker(ENGINES="horde", **settings) as renderer, api(PERCHANCE_WORKER_URL=renderer.url) as front:
            wait_until(lambda: requests.get(f"{front.url}/ready", timeout=5).ok, "the worker's readiness")
            yield front.url


@contextmanager
def _visit(browser: Browser, address: str) -> Iterator[tuple[Page, Received]]:
    """Open the page with an empty cache."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    received = Received(page)
    page.goto(address, wait_until="networkidle")
    yield page, received
    context.close()


def _first_picture(browser: Browser, service: str, query: str) -> float:
    with _visit(browser, f"{service}/?{query}") as (page, _):
        return float(page.get_by_role("button", name="Make picture").evaluate(FIRST_PICTURE))


def _by_json(service: str, query: str) -> float:
    begun = time.perf_counter()
    with requests.Session() as session:
        made = session.get(f"{service}/generate?{query}", timeout=60).json()
        session.get(made["image_url"], timeout=60).raise_for_status()
    return (time.perf_counter() - begun) * 1000


def _rows(browser: Browser, service: str, runs: int) -> Iterator[list[str]]:
    for engine, title in ENGINES.items():
        queries = [urlencode({"prompt": f"boat {number}", "model": engine}) for number in range(2 * runs + 2)]
        page = [_first_picture(browser, service, query) for query in queries[::2]][1:]  # the first warms up
        json = [_by_json(service, query) for query in queries[1::2]][1:]
        ours, bare = median(page), median(json)
        yield [f"first picture by {title}", f"{ours:.0f} ms", f"{bare:.0f} ms", f"{ours - bare:+.0f} ms"]


def _weights(browser: Browser, service: str, runs: int) -> Iterator[str]:
    paints = []
    for _ in range(runs):
        with _visit(browser, f"{service}/") as (page, received):
            paints.append(float(page.evaluate(PAINT)))
            wire, raw = sum(received.wire.values()), sum(received.raw.values())
    yield f"Before any picture: {wire / 1000:.1f} KB over the wire, {raw / 1000:.1f} KB raw,"
    yield f"in {len(received.wire)} responses; first contentful paint after {median(paints):.0f} ms."


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.page", description=__doc__)
    parser.add_argument("--runs", type=int, default=15, help="visits of each kind, of which the medians count (15)")
    runs = parser.parse_args().runs
    with _service() as service, chromium() as browser:
        rows = list(_rows(browser, service, runs))
        print_table(("", "by the page", "by the JSON call", "the page adds"), rows)
        print("\n" + " ".join(_weights(browser, service, runs)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
