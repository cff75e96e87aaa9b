"""PUBLIC_CACHE_SECONDS with a real browser's cache: both tiers, and then less and less of them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Error as PlaywrightError

from tests.fakes.playwright_browser import chromium
from tests.fakes.processes import Server, api, wait_until, worker

PICTURE = "/generate.png?prompt=a+boat&seed=5&model=sketch"
SHOWN = "document.images.length === 1 && document.images[0].naturalWidth > 0"
TRANSFERRED = "performance.getEntriesByType('navigation')[0].transferSize"


@contextmanager
def tiers(folder, seconds: int) -> Iterator[tuple[Server, Server]]:
    with (
        worker(ENGINES="horde", LOCAL_STORAGE_DIR=folder) as renderer,
        api(PERCHANCE_WORKER_URL=renderer.url, WORKER_WAKE_SECONDS=0, PUBLIC_CACHE_SECONDS=seconds) as front,
    ):
        yield front, renderer


@pytest.fixture
def source_of() -> Iterator[Callable[[str], str]]:
    """Return where a new page of the same browser has the picture of an address from."""
    with chromium() as browser:
        context = browser.new_context()

        def source(address: str) -> str:
            page = context.new_page()
            try:
                if not (page.goto(address).ok and page.evaluate(SHOWN)):
                    return "nowhere"
                return "the service" if page.evaluate(TRANSFERRED) else "its cache"
            except PlaywrightError:  # there is no connection
                return "nowhere"
            finally:
                page.close()

        yield source


def test_a_browser_shows_what_it_keeps_without_the_service(source_of, tmp_path):
    with tiers(tmp_path, 3600) as (front, renderer):
        address = front.url + PICTURE
        assert source_of(address) == "the service"
        renderer.stop()
        front.stop()
        assert source_of(address) == "its cache"


def test_one_whose_copy_is_old_asks_the_api_tier_and_that_no_worker(source_of, tmp_path):
    with tiers(tmp_path, 1) as (front, renderer):
        address = front.url + PICTURE
        assert source_of(address) == "the service"
        renderer.stop()
        wait_until(lambda: source_of(address) == "the service", "the copy's end")
        assert source_of(address.replace("seed=5", "seed=6")) == "nowhere"
