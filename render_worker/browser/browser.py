"""Chromium through Playwright: the only module that imports it.

Playwright's objects belong to the loop that made them, so everything here runs on the runtime's loop.
"""

import asyncio
import contextlib
import logging
import shutil
from pathlib import Path
from typing import Any

from playwright.async_api import Browser as Chromium
from playwright.async_api import BrowserContext, Page, Playwright, Request, Response, async_playwright
from playwright.async_api import Error as BrowserError

from render_worker.browser.chromium_sandbox import HUNG, ChromiumSandbox, SandboxMode
from render_worker.browser.processes import CHILD, Child, kill_descendants
from render_worker.browser.scratch import Scratch, sweep

__all__ = ["OPEN_SECONDS", "Browser", "BrowserContext", "BrowserError", "BrowserGone", "Page", "Request", "Response"]

LAUNCH_SECONDS = 45  # driver and browser together; at a tenth of a core they take ten seconds
OPEN_SECONDS = 15  # a browser that takes longer to open an empty page hangs
CLOSE_SECONDS = 3
SYSTEM_NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
DEBIAN_HEADLESS_SHELL = Path("/usr/lib/chromium/chromium-headless-shell")
NOT_INSTALLED = "Executable doesn't exist"  # Playwright's words where its own browser was never downloaded
DRIVER_DIED = "Connection closed while reading from the driver"  # Playwright's words
GONE_SIGNS = ("has been closed", "crashed", "Connection closed", "Browser closed", HUNG)

log = logging.getLogger(__name__)


class BrowserGone(Exception):
    """The browser, its page or Playwright's driver died or could not be started; the message says which."""


def died(error: BaseException | None) -> bool:
    """Whether Playwright's error means that the browser, the page or the driver is no longer there."""
    return any(sign in str(error) for sign in GONE_SIGNS)


class Browser:
    """One Chromium, started once and started again where it is found dead or hung."""

    def __init__(self, executable: Path | None = None, sandbox: SandboxMode = "auto") -> None:
        self._executable = executable
        self.sandbox = ChromiumSandbox(sandbox)
        self._playwright: Playwright | None = None
        self._chromium: Chromium | None = None
        self._launching: asyncio.Task[Chromium] | None = None
        self._scratch: Scratch | None = None
        self._driver = Child()
        self.launches = 0
        self.failure: str | None = None

    @property
    def running(self) -> bool:
        """Whether the browser is there; of its driver's end Playwright says nothing."""
        return self._chromium is not None and self._chromium.is_connected() and not self._driver.ended

    @property
    def started(self) -> bool:
        """Whether there is a browser or driver, be it dead or hung."""
        return self._playwright is not None or self.launching

    @property
    def launching(self) -> bool:
        """Whether it is being launched."""
        return self._launching is not None and not self._launching.done()

    async def start(self) -> Chromium:
        """The running browser, launched if need be; BrowserGone where that fails. Safe to call from several tasks."""
        if self._chromium and self.running:
            return self._chromium
        # A task of its own: a caller whose deadline passes leaves the launch to finish for the next one, and no
        # driver is left behind half started.
        if self._launching is None or self._launching.done():
            self._launching = asyncio.create_task(self._launch())
            self._launching.add_done_callback(_look_at_failure)
        return await asyncio.shield(self._launching)

    async def _launch(self) -> Chromium:
        try:
            return await self._launch_once()
        except BrowserGone as gone:
            if not died(gone.__cause__):
                raise
        return await self._launch_once()  # it was killed as it came up, perhaps because memory was short

    async def _launch_once(self) -> Chromium:
        await self._end()
        asyncio.get_running_loop().set_exception_handler(_hear)
        try:
            sweep()
            self._scratch = Scratch()
            self._driver = Child(TMPDIR=str(self._scratch.folder))
            CHILD.set(self._driver)
            async with asyncio.timeout(LAUNCH_SECONDS):
                self._playwright = await async_playwright().start()
                self._chromium = await self._launched(self._playwright)
        except Exception as error:  # Playwright raises a plain Exception where its driver dies as it comes up
            self.failure = _first_line(error).rstrip(".")
            await self._end()
            raise BrowserGone(f"The browser could not be started: {self.failure}.") from error
        self.failure = None
        self.launches += 1
        log.info("browser %s launched (launch %d)", self._chromium.version, self.launches)
        return self._chromium

    async def _launched(self, playwright: Playwright) -> Chromium:
        if self.sandbox.wanted:
            try:
                return await self._launch_sandboxed(playwright)
            except BrowserError as error:
                if not self.sandbox.does_without(str(error)):
                    raise
        return await self._launch_found(playwright, sandboxed=False)

    async def _launch_sandboxed(self, playwright: Playwright) -> Chromium:
        chromium = await self._launch_found(playwright, sandboxed=True)
        if not self.sandbox.proven:  # on some hosts the browser comes up and its pages do not
            try:
                await _open_page(chromium)
            except BrowserError:
                await _close(chromium)
                raise
            self.sandbox.prove()
        return chromium

    async def _launch_found(self, playwright: Playwright, sandboxed: bool) -> Chromium:
        try:
            return await _launch_at(playwright, self._executable, sandboxed)
        except BrowserError as error:
            found = find_system_browser()
            if self._executable or NOT_INSTALLED not in str(error) or not found:
                raise
            return await _launch_at(playwright, found, sandboxed)

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

    def owns(self, context: BrowserContext) -> bool:
        """Whether a context is of the browser that runs now."""
        return self.running and context.browser is self._chromium

    def give_up(self, chromium: Chromium | None) -> None:
        """Have the next caller launch another browser in place of this one."""
        if chromium is not None and self._chromium is chromium:
            self._chromium = None

    def kill(self) -> None:
        """End the browser and the driver without any goodbye; whoever works with them is told that they are gone."""
        self._chromium = None  # nobody is to be given what is on its way out
        kill_descendants()

    async def stop(self) -> None:
        """Close the browser and end Playwright's driver."""
        if self._launching:
            await asyncio.wait({self._launching}, timeout=CLOSE_SECONDS)
            self._launching.cancel()  # it would begin again
        await self._end()

    async def _end(self) -> None:
        chromium, self._chromium = self._chromium, None
        playwright, self._playwright = self._playwright, None
        scratch, self._scratch = self._scratch, None
        if scratch is None:
            return  # nothing was begun
        if chromium is None:
            kill_descendants()  # given up or half started: it hangs, or is dead
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                if chromium:
                    await chromium.close()
                if playwright:
                    await playwright.stop()
        except (BrowserError, OSError, TimeoutError):
            pass  # what is dead cannot say goodbye
        finally:
            kill_descendants()  # a driver or browser that hangs
            self._driver.forget()
            scratch.remove()


def _first_line(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return f"it did not come up within {LAUNCH_SECONDS} seconds"
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _hear(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """What asyncio has to say, without what Playwright leaves unheard when its driver dies: its callers are told."""
    error = context.get("exception")
    if not (DRIVER_DIED in str(error) or (isinstance(error, BrowserError) and died(error))):
        loop.default_exception_handler(context)


def _look_at_failure(launching: asyncio.Task[Chromium]) -> None:
    """Whoever waits is told; where nobody waits any more, `failure` keeps the sentence."""
    if not launching.cancelled():
        launching.exception()


async def _open_context(chromium: Chromium) -> BrowserContext:
    opening = chromium.new_context(service_workers="block", accept_downloads=False)
    return await asyncio.wait_for(opening, OPEN_SECONDS)


async def _open_page(chromium: Chromium) -> None:
    """Open the first page and close it; raises BrowserError if it crashes or hangs."""
    try:
        async with asyncio.timeout(OPEN_SECONDS):
            await (await chromium.new_page()).close()
    except TimeoutError:
        raise BrowserError(f"{HUNG}: it did not open within {OPEN_SECONDS} seconds") from None


async def _close(chromium: Chromium) -> None:
    """Close a browser that is not used; one whose pages hang may not end before the driver does."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(CLOSE_SECONDS):
            await chromium.close()


async def _launch_at(playwright: Playwright, executable: Path | None, sandboxed: bool) -> Chromium:
    return await playwright.chromium.launch(
        executable_path=executable,
        chromium_sandbox=sandboxed,
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
