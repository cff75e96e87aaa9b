"""A browser for tests, also at the path at which the `perchance` package expects Playwright's own."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import psutil
from playwright.sync_api import Browser, Playwright, sync_playwright
from playwright.sync_api import Error as PlaywrightError

from render_worker.browser.browser import find_system_browser
from tests.fakes.processes import command_of


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run a browser as a visitor of a page has it."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable(playwright))
        try:
            yield browser
        finally:
            browser.close()


def executable(playwright: Playwright) -> Path | None:
    """Return the path of the system's browser if Playwright's own is missing; None if it is there."""
    return find_system_browser() if _missing_browser(playwright) else None


def browsers_path(folder: Path) -> dict[str, str]:
    """Return the environment in which Playwright finds a browser; if its own is missing, `folder` gets its layout."""
    with sync_playwright() as playwright:
        wanted, found = _missing_browser(playwright), find_system_browser()
    if wanted is None or found is None:
        return {}
    link = folder.joinpath(*wanted.parts[-3:])
    link.parent.mkdir(parents=True)
    link.symlink_to(found)
    return {"PLAYWRIGHT_BROWSERS_PATH": str(folder)}


@cache
def installed_browser() -> Path:
    """Return the path of the browser's executable."""
    with chromium():
        below = psutil.Process().children(recursive=True)
        return next(Path(process.exe()) for process in below if "--remote-debugging-pipe" in command_of(process))


def _missing_browser(playwright: Playwright) -> Path | None:
    try:
        playwright.chromium.launch().close()
    except PlaywrightError as error:
        return Path(str(error).split("Executable doesn't exist at ")[1].split()[0])
    return None
