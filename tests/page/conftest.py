"""The page in a real Chromium, by pytest-playwright: both tiers and the sandbox, and a watch over every page.

Its event loop lasts as long as the session, and no asyncio.run works beside it: these tests come last in a process, and
`make test` gives them one of their own, for pytest-xdist keeps no order.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, Playwright, expect

from tests.api.conftest import ScriptedWorker
from tests.end_to_end.conftest import Stack, reset
from tests.fakes.playwright_browser import executable
from tests.fakes.processes import Server, api
from tests.page.looks import DARK, DESKTOP, LIGHT, LOOKS, PHONE
from tests.page.servers import serving
from tests.page.watch import Watch

HERE = Path(__file__).parent
PATIENCE_MS = 30_000  # a slow machine is no failure
__all__ = ["DARK", "DESKTOP", "LIGHT", "PHONE"]  # for the tests
Visit = Callable[..., Page]

expect.set_options(timeout=PATIENCE_MS)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put these tests after all others of the process."""
    items.sort(key=lambda item: item.path.is_relative_to(HERE))


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Run both tiers and the sandbox."""
    with serving(tmp_path_factory.mktemp("images")) as stack:
        yield stack


@pytest.fixture
def stack(servers: Stack) -> Stack:
    """Return the servers, idle, after a reset of the sandbox's scenario and log."""
    return reset(servers)


@pytest.fixture(scope="session")
def base_url(servers: Stack) -> str:
    """Return the service's address; the plugin's own fixture of this name is deprecated by pytest (9.2)."""
    return servers.api.url


@pytest.fixture
def browser_context_args(browser_context_args: dict[str, Any], base_url: str) -> dict[str, Any]:
    """Open pages of the module's own service: the plugin's fixture keeps the address of the process's first test."""
    return {**browser_context_args, "base_url": base_url}


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any], playwright: Playwright) -> dict[str, Any]:
    """Launch the browser that the render worker would: Playwright's own, else the system's."""
    return {**browser_type_launch_args, "executable_path": executable(playwright)}


@pytest.fixture
def watch(base_url: str) -> Iterator[Watch]:
    """Watch every page of the test; fail it by what went wrong and it did not expect."""
    watch = Watch(base_url)
    yield watch
    assert watch.troubles == []


@pytest.fixture
def new_context(
    watch: Watch, stack: Stack, new_context: Callable[..., BrowserContext]
) -> Callable[..., BrowserContext]:
    """Return a function that opens a fresh, watched context: a desktop's, light, unless it is told otherwise."""

    def watched(**options: Any) -> BrowserContext:
        context = new_context(**{**DESKTOP, **LIGHT, **options})
        context.set_default_timeout(PATIENCE_MS)
        watch.follow(context)
        return context

    return watched


@pytest.fixture
def visit(new_context: Callable[..., BrowserContext]) -> Visit:
    """Return a function that opens a path of the service in a fresh context with these options, such as **PHONE."""

    def opened(path: str = "/", **options: Any) -> Page:
        page = new_context(**options).new_page()
        page.goto(path)
        return page

    return opened


@pytest.fixture
def page(visit: Visit) -> Page:
    """Return the page on a desktop, as a newcomer meets it."""
    return visit()


@pytest.fixture(params=LOOKS)
def look(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Return a context's options: a desktop's or a phone's, light or dark."""
    return LOOKS[request.param]


@pytest.fixture
def scripted_front() -> Iterator[tuple[ScriptedWorker, Server]]:
    """Run an API tier before a render worker that answers as the test says."""
    worker = ScriptedWorker()
    with api(PERCHANCE_WORKER_URL=worker.url, SIMULATED="true") as front:
        yield worker, front
    worker.close()
