"""Chromium through Playwright: the only module that imports it.

Playwright's objects belong to the event loop that made them, so all of this runs on the runtime's loop.
"""

import asyncio
import contextlib
import logging
import shutil
from pathlib import Path
from typing import Any

import playwright
from playwright.async_api import Browser as Chromium
from playwright.async_api import BrowserContext, Page, Playwright, Request, Response, async_playwright
from playwright.async_api import Error as BrowserError

from render_worker.browser.chromium_sandbox import HUNG, ChromiumSandbox, SandboxMode
from render_worker.browser.errors import BrowserGone
from render_worker.browser.launch_time import LaunchTime
from render_worker.browser.processes import CHILD, Child, kill_descendants
from render_worker.browser.scratch import Scratch, sweep

__all__ = [
    "PAGE_OPEN_SECONDS",
    "Browser",
    "BrowserContext",
    "BrowserError",
    "Page",
    "Request",
    "Response",
]

LAUNCH_SECONDS = 45  # driver and browser together; at a tenth of a core they take ten seconds
PAGE_OPEN_SECONDS = 15  # a browser that takes longer to open an empty page hangs
CLOSE_SECONDS = 3
SYSTEM_NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
DEBIAN_HEADLESS_SHELL = Path("/usr/lib/chromium/chromium-headless-shell")
# Where node keeps the driver's compiled code, beside the driver, so that its next start is a quarter shorter; node does
# without if it may not write there. An image has it from its build.
COMPILE_CACHE = Path(playwright.__file__).parent / "driver" / "compile-cache"
NOT_INSTALLED = "Executable doesn't exist"  # Playwright's words if its own browser was never downloaded
DRIVER_DIED = "Connection closed while reading from the driver"  # Playwright's words
GONE_SIGNS = ("has been closed", "crashed", "Connection closed", "Browser closed", HUNG)

log = logging.getLogger(__name__)


def died(error: BaseException | None) -> bool:
    """Return whether Playwright's error means that the browser, the page or the driver has died."""
    return any(sign in str(error) for sign in GONE_SIGNS)


class Browser:
    """One Chromium, launched on first use and again when it is found dead or hung."""

    def __init__(self, executable: Path | None = None, sandbox: SandboxMode = "auto") -> None:
        self._executable = executable
        self.sandbox = ChromiumSandbox(sandbox)
        self._playwright: Playwright | None = None
        self._chromium: Chromium | None = None
        self._launching: asyncio.Task[Chromium] | None = None
        self._scratch: Scratch | None = None
        self._driver = Child()
        self.launch_time = LaunchTime()
        self.launches = 0
        self.failure: str | None = None

    @property
    def running(self) -> bool:
        """Return whether browser and driver run; Playwright does not report the driver's end."""
        return self._chromium is not None and self._chromium.is_connected() and not self._driver.ended

    @property
    def started(self) -> bool:
        """Return whether there is a browser or driver, even a dead or hung one."""
        return self._playwright is not None or self.launching

    @property
    def launching(self) -> bool:
        """Return whether a launch is in flight."""
        return self._launching is not None and not self._launching.done()

    async def start(self) -> Chromium:
        """Return the running browser, launched if necessary (single-flight). Raises BrowserGone if the launch fails."""
        if self._chromium and self.running:
            return self._chromium
        # A task of its own: if a request's deadline passes, the launch completes for the next one, and leaves no
        # half-started driver behind.
        if self._launching is None or self._launching.done():
            self._launching = asyncio.create_task(self._launch())
            self._launching.add_done_callback(_retrieve_error)
        return await asyncio.shield(self._launching)

    async def _launch(self) -> Chromium:
        self.launch_time.begin()
        try:
            return await self._launch_twice()
        finally:
            self.launch_time.end(launched=self._chromium is not None)

    async def _launch_twice(self) -> Chromium:
        try:
            return await self._launch_once()
        except BrowserGone as gone:
            if not died(gone.__cause__):
                raise
        return await self._launch_once()  # it was killed during the launch, perhaps because memory was short

    async def _launch_once(self) -> Chromium:
        await self._close_all()
        asyncio.get_running_loop().set_exception_handler(_handle_loop_exception)
        try:
            sweep()
            self._scratch = Scratch()
            self._driver = Child(TMPDIR=str(self._scratch.folder), NODE_COMPILE_CACHE=str(COMPILE_CACHE))
            CHILD.set(self._driver)
            async with asyncio.timeout(LAUNCH_SECONDS):
                self._playwright = await async_playwright().start()
                self._chromium = await self._launched(self._playwright)
        except Exception as error:  # Playwright raises a plain Exception if its driver dies during the launch
            self.failure = _first_line(error).rstrip(".")
            await self._close_all()
            raise BrowserGone(f"The browser could not be started: {self.failure}.") from error
        self.failure = None
        self.launches += 1
        log.info("browser %s launched (launch %d)", self._chromium.version, self.launches)
        return self._chromium

    async def _launched(self, playwright: Playwright) -> Chromium:
        if self.sandbox.enabled:
            try:
                return await self._launch_sandboxed(playwright)
            except BrowserError as error:
                if not self.sandbox.disable_after(str(error)):
                    raise
        return await self._launch_found(playwright, sandboxed=False)

    async def _launch_sandboxed(self, playwright: Playwright) -> Chromium:
        chromium = await self._launch_found(playwright, sandboxed=True)
        if not self.sandbox.proven:  # on some hosts the browser launches and its pages do not open
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
        """Return a new isolated context; closing it closes its pages. Raises BrowserGone if there is no browser."""
        chromium = await self.start()
        try:
            return await _open_context(chromium)
        except (BrowserError, TimeoutError):
            # It hangs, or has died without Playwright's noticing.
            self.give_up(chromium)
        try:
            return await _open_context(await self.start())
        except (BrowserError, TimeoutError) as error:
            raise BrowserGone("The browser died while it opened a page.") from error

    def owns(self, context: BrowserContext) -> bool:
        """Return whether a context belongs to the browser that runs now."""
        return self.running and context.browser is self._chromium

    def give_up(self, chromium: Chromium | None) -> None:
        """Discard a dead or hung browser, so that the next `start` launches another."""
        if chromium is not None and self._chromium is chromium:
            self._chromium = None

    def kill(self) -> None:
        """Kill the browser and the driver; tasks that use them get errors."""
        self._chromium = None  # no task is to get a browser that is ending
        kill_descendants()

    async def stop(self) -> None:
        """Close the browser and Playwright's driver."""
        if self._launching:
            await asyncio.wait({self._launching}, timeout=CLOSE_SECONDS)
            self._launching.cancel()  # it would launch again
        await self._close_all()

    async def _close_all(self) -> None:
        chromium, self._chromium = self._chromium, None
        playwright, self._playwright = self._playwright, None
        scratch, self._scratch = self._scratch, None
        if scratch is None:
            return  # nothing was started
        if chromium is None:
            kill_descendants()  # discarded or half started: it hangs, or is dead
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                if chromium:
                    await chromium.close()
                if playwright:
                    await playwright.stop()
        except (BrowserError, OSError, TimeoutError):
            pass  # it is dead or hangs, and is killed below
        finally:
            kill_descendants()  # a driver or browser that hangs
            self._driver.forget()
            scratch.remove()


def _first_line(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return f"it did not come up within {LAUNCH_SECONDS} seconds"
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _handle_loop_exception(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Handle the loop's exceptions, but drop those that Playwright leaves unretrieved when its driver dies."""
    error = context.get("exception")
    if not (DRIVER_DIED in str(error) or (isinstance(error, BrowserError) and died(error))):
        loop.default_exception_handler(context)


def _retrieve_error(launching: asyncio.Task[Chromium]) -> None:
    """Retrieve the launch's exception, or asyncio warns if no task waits any more; `failure` keeps its sentence."""
    if not launching.cancelled():
        launching.exception()


async def _open_context(chromium: Chromium) -> BrowserContext:
    opening = chromium.new_context(service_workers="block", accept_downloads=False)
    return await asyncio.wait_for(opening, PAGE_OPEN_SECONDS)


async def _open_page(chromium: Chromium) -> None:
    """Open the first page and close it. Raises BrowserError if it crashes or hangs."""
    try:
        async with asyncio.timeout(PAGE_OPEN_SECONDS):
            await (await chromium.new_page()).close()
    except TimeoutError:
        raise BrowserError(f"{HUNG}: it did not open within {PAGE_OPEN_SECONDS} seconds") from None


async def _close(chromium: Chromium) -> None:
    """Close an unused browser within CLOSE_SECONDS; if its pages hang, it ends with the driver."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(CLOSE_SECONDS):
            await chromium.close()


async def _launch_at(playwright: Playwright, executable: Path | None, sandboxed: bool) -> Chromium:
    return await playwright.chromium.launch(
        executable_path=executable,
        chromium_sandbox=sandboxed,
        timeout=LAUNCH_SECONDS * 1000,
        # gunicorn's handlers run the graceful shutdown; the driver must not close the browser before they do.
        handle_sigint=False,
        handle_sigterm=False,
        handle_sighup=False,
    )


def find_system_browser() -> Path | None:
    """Return the system's Chromium, preferring the small headless shell; None if there is none."""
    if DEBIAN_HEADLESS_SHELL.exists():
        return DEBIAN_HEADLESS_SHELL
    return next((Path(found) for name in SYSTEM_NAMES if (found := shutil.which(name))), None)
