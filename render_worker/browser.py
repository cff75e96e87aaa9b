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

from render_worker.orphans import kill_descendants

__all__ = ["OPEN_SECONDS", "Browser", "BrowserContext", "BrowserError", "BrowserGone", "Page", "Request", "Response"]

LAUNCH_SECONDS = 120  # at a tenth of a core a launch takes many seconds
OPEN_SECONDS = 15  # a browser that takes longer to open an empty page hangs
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
    """One Chromium, started once and started again where it is found dead or hung."""

    def __init__(self, executable: Path | None = None) -> None:
        self._executable = executable
        self._playwright: Playwright | None = None
        self._chromium: Chromium | None = None
        self._launching: asyncio.Task[Chromium] | None = None
        self.launches = 0
        self.failure: str | None = None

    @property
    def running(self) -> bool:
        """Whether the browser is there."""
        return self._chromium is not None and self._chromium.is_connected()

    async def start(self) -> Chromium:
        """The running browser, launched if need be; BrowserGone where that fails. Safe to call from several tasks."""
        if self._chromium and self._chromium.is_connected():
            return self._chromium
        # A task of its own: a caller whose deadline passes leaves the launch to finish for the next one, and no
        # driver is left behind half started.
        if self._launching is None or self._launching.done():
            self._launching = asyncio.create_task(self._launch())
            self._launching.add_done_callback(_look_at_failure)
        return await asyncio.shield(self._launching)

    async def _launch(self) -> Chromium:
        await self._end()
        try:
            self._playwright = await async_playwright().start()
            self._chromium = await self._launched(self._playwright)
        except (BrowserError, OSError) as error:
            self.failure = str(error).strip().splitlines()[0]
            await self._end()
            raise BrowserGone(f"The browser could not be started: {self.failure}") from error
        self.failure = None
        self.launches += 1
        log.info("browser %s launched (launch %d)", self._chromium.version, self.launches)
        return self._chromium

    async def _launched(self, playwright: Playwright) -> Chromium:
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
        except (BrowserError, TimeoutError):
            # It died unnoticed, as far as Playwright knows, or it hangs.
            self.give_up(chromium)
        try:
            return await _open_context(await self.start())
        except (BrowserError, TimeoutError) as error:
            raise BrowserGone("The browser died while it opened a page.") from error

    def give_up(self, chromium: Chromium | None) -> None:
        """Have the next caller launch another browser in place of this one."""
        if chromium is not None and self._chromium is chromium:
            self._chromium = None

    def kill(self) -> None:
        """End the browser and the driver without any goodbye; whoever works with them is told that they are gone."""
        kill_descendants()

    async def stop(self) -> None:
        """Close the browser and end Playwright's driver."""
        if self._launching:
            await asyncio.wait({self._launching}, timeout=CLOSE_SECONDS)
        await self._end()

    async def _end(self) -> None:
        chromium, self._chromium = self._chromium, None
        playwright, self._playwright = self._playwright, None
        if playwright is None:
            return
        with contextlib.suppress(BrowserError, OSError, TimeoutError):  # what is dead cannot say goodbye
            if chromium:
                await asyncio.wait_for(chromium.close(), CLOSE_SECONDS)
        with contextlib.suppress(BrowserError, OSError, TimeoutError):
            await asyncio.wait_for(playwright.stop(), CLOSE_SECONDS)
        kill_descendants()  # a driver or browser that hangs


def _look_at_failure(launching: asyncio.Task[Chromium]) -> None:
    """Whoever waits is told; where nobody waits any more, `failure` keeps the sentence."""
    if not launching.cancelled():
        launching.exception()


async def _open_context(chromium: Chromium) -> BrowserContext:
    opening = chromium.new_context(service_workers="block", accept_downloads=False)
    return await asyncio.wait_for(opening, OPEN_SECONDS)


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
