"""Chromium through Playwright: the only module that imports it.

Playwright's objects belong to the loop that made them, so everything here runs on the runtime's loop.
"""

import asyncio
import contextlib
import logging
import shutil
import sys
from pathlib import Path

from playwright.async_api import Browser as Chromium
from playwright.async_api import BrowserContext, Page, Playwright, Request, Response, async_playwright
from playwright.async_api import Error as BrowserError

__all__ = ["Browser", "BrowserContext", "BrowserError", "BrowserGone", "Page", "Request", "Response"]

LAUNCH_SECONDS = 120  # at a tenth of a core a launch takes many seconds
CLOSE_SECONDS = 3
SYSTEM_NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
DEBIAN_HEADLESS_SHELL = Path("/usr/lib/chromium/chromium-headless-shell")
NOT_INSTALLED = "Executable doesn't exist"  # Playwright's words where its own browser was never downloaded
GONE_SIGNS = ("has been closed", "crashed", "Connection closed", "Browser closed")

log = logging.getLogger(__name__)


class BrowserGone(Exception):
    """The browser, its page or Playwright's driver died or could not be started; the message says which."""


def died(error: BrowserError) -> bool:
    """Whether Playwright's error means that the browser, the page or the driver is no longer there."""
    return any(sign in str(error) for sign in GONE_SIGNS)


class Browser:
    """One Chromium, started once and started again where it is found dead."""

    def __init__(self, executable: Path | None = None) -> None:
        self._executable = executable
        self._playwright: Playwright | None = None
        self._chromium: Chromium | None = None
        self._starting = asyncio.Lock()
        self.launches = 0
        self.failure: str | None = None

    @property
    def running(self) -> bool:
        """Whether the browser is there."""
        return self._chromium is not None and self._chromium.is_connected()

    async def start(self) -> Chromium:
        """The running browser, launched if need be; BrowserGone where that fails. Safe to call from several tasks."""
        async with self._starting:
            if self._chromium and self._chromium.is_connected():
                return self._chromium
            await self.stop()
            try:
                self._playwright = await async_playwright().start()
                self._chromium = await self._launch(self._playwright)
            except (BrowserError, OSError) as error:
                self.failure = str(error).strip().splitlines()[0]
                await self.stop()
                raise BrowserGone(f"The browser could not be started: {self.failure}") from error
            self.failure = None
            self.launches += 1
            log.info("browser %s launched (launch %d)", self._chromium.version, self.launches)
            return self._chromium

    async def _launch(self, playwright: Playwright) -> Chromium:
        try:
            return await _launch_at(playwright, self._executable)
        except BrowserError as error:
            found = find_system_browser()
            if self._executable or NOT_INSTALLED not in str(error) or not found:
                raise
            return await _launch_at(playwright, found)

    async def open_context(self) -> BrowserContext:
        """A visitor's context; closing it ends its pages. BrowserGone where there is no browser."""
        chromium = await self.start()
        try:
            return await _open_context(chromium)
        except BrowserError:
            # It died unnoticed: Playwright believes in a browser whose driver was killed.
            if self._chromium is chromium:
                await self.stop()
        try:
            return await _open_context(await self.start())
        except BrowserError as error:
            raise BrowserGone("The browser died while it opened a page.") from error

    async def stop(self) -> None:
        """Close the browser and end Playwright's driver."""
        chromium, playwright = self._chromium, self._playwright
        self._chromium = self._playwright = None
        for goodbye in (chromium and chromium.close(), playwright and playwright.stop()):
            if goodbye:
                with contextlib.suppress(BrowserError, OSError, TimeoutError):  # what is dead cannot say goodbye
                    await asyncio.wait_for(goodbye, CLOSE_SECONDS)


async def _open_context(chromium: Chromium) -> BrowserContext:
    return await chromium.new_context(service_workers="block", accept_downloads=False)


async def _launch_at(playwright: Playwright, executable: Path | None) -> Chromium:
    return await playwright.chromium.launch(
        executable_path=executable,
        timeout=LAUNCH_SECONDS * 1000,
        # gunicorn's own handlers decide when to stop; the driver must not close the browser before they do.
        handle_sigint=False,
        handle_sigterm=False,
        handle_sighup=False,
    )


def find_system_browser() -> Path | None:
    """The system's Chromium, the small headless shell before the full browser."""
    if DEBIAN_HEADLESS_SHELL.exists():
        return DEBIAN_HEADLESS_SHELL
    return next((Path(found) for name in SYSTEM_NAMES if (found := shutil.which(name))), None)


async def _check() -> None:
    browser = Browser()
    await browser.start()
    await browser.stop()


if __name__ == "__main__":  # `python -m render_worker.browser` tells a set-up whether a browser starts here
    try:
        asyncio.run(_check())
    except BrowserGone as gone:
        sys.exit(str(gone))
