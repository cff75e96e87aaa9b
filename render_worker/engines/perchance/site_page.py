"""A page of Perchance's site: every wait has a timeout, and every failure of the browser becomes an error of ours."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from render_worker.browser.browser import BrowserError, Page, Response, died
from render_worker.browser.errors import BrowserGone
from render_worker.browser.processes import NetworkService
from render_worker.contract import Recipe
from render_worker.engines.base import Reporter
from render_worker.engines.perchance.errors import PerchanceChanged
from render_worker.engines.perchance.replies import error_of_page
from render_worker.engines.perchance.settings import PerchanceSettings
from render_worker.errors import EngineError, EngineUnreachable, PhaseTimeout

LET_GO_SECONDS = 0.5
CLOSE_SECONDS = 1.0  # with the former less than cancelled work may take to clean up
CRASH_NOTICE_SECONDS = 0.2
LOOK_SECONDS = 2.0
ALIVE_SECONDS = 6.0  # an empty script takes milliseconds; at a tenth of a core with a page that loads, a second
TEXT_SECONDS = 2.0  # the body has arrived, or breaks off
MAX_TEXT_BYTES = 1024 * 1024
DIED = "The browser or its driver died while it worked on the picture."
PAGE_DIED = "The browser's page crashed while it worked on the picture."
NETWORK_DIED = "The browser's network process died while it worked on the picture."
HUNG_SENTENCE = "The browser hung while it worked on the picture."
MIN_GUIDANCE = 1.0  # of every range that is documented anywhere
UNREACHABLE_SIGNS = ("net::ERR_", "Failed to fetch")

T = TypeVar("T")


class SitePage:
    """A page that is reused for pictures, one at a time."""

    let_go_script = "window.stop()"
    """The script that ends everything that the page is doing, so that the site sees its request aborted."""

    def __init__(self, page: Page, settings: PerchanceSettings) -> None:
        self.page = page
        self.settings = settings
        self.usable = True
        self.hangs = False
        self.report: Reporter = _NoReporter()
        self._last_response: Response | None = None
        self._network = NetworkService()
        self._death = DIED
        page.on("response", self._remember)
        page.on("crash", self._crashed)
        page.on("close", self._closed)

    def _remember(self, response: Response) -> None:
        self._last_response = response

    def _crashed(self, _: Page) -> None:
        self.usable = False
        self._death = PAGE_DIED

    def _closed(self, _: Page) -> None:
        self.usable = False

    async def within(self, phase: str, seconds: float, work: Coroutine[Any, Any, T]) -> T:
        """Return the result of one phase's work. Raises PhaseTimeout after `seconds`, or what a failure means."""
        self._last_response = None
        try:
            async with asyncio.timeout(seconds):
                return await self._while_alive(work)
        except TimeoutError:
            await self.let_go()
            if self.hangs:
                raise BrowserGone(HUNG_SENTENCE) from None
            raise PhaseTimeout(f"Perchance did not answer within {seconds:g} seconds while {phase}.") from None
        except asyncio.CancelledError:
            await self.let_go()
            raise
        except BrowserError as error:
            raise await self._translated(error) from error

    async def _while_alive(self, work: Coroutine[Any, Any, T]) -> T:
        """Return the work's result. Raises BrowserGone if the browser dies, which Playwright does not always report."""
        try:
            await self._network.remember()
        except asyncio.CancelledError:
            work.close()
            raise
        working = asyncio.create_task(work)
        try:
            while True:
                done, _ = await asyncio.wait({working}, timeout=LOOK_SECONDS)
                if done:
                    return working.result()
                await self._require_life()
        finally:
            if not working.done():
                working.add_done_callback(swallow)
                working.cancel()

    async def _require_life(self) -> None:
        if self._network.lost:
            raise BrowserGone(NETWORK_DIED)
        try:
            await asyncio.wait_for(self.page.evaluate("1"), ALIVE_SECONDS)
        except TimeoutError:
            self.usable, self.hangs = False, True
            raise BrowserGone(HUNG_SENTENCE) from None
        except BrowserError as error:  # also if a document is being replaced by the next
            if died(error):
                raise

    async def let_go(self) -> None:
        """Make the page ready for the next picture, or close it."""
        try:
            await asyncio.wait_for(self.page.evaluate(self.let_go_script), LET_GO_SECONDS)
        except (BrowserError, TimeoutError):
            await self.close()

    async def close(self) -> None:
        """Close the page."""
        self.usable = False
        try:
            await asyncio.wait_for(self.page.close(), CLOSE_SECONDS)
        except BrowserError:
            pass  # a dead page needs no closing
        except TimeoutError:
            self.hangs = True

    async def _translated(self, error: BrowserError) -> Exception:
        if died(error):
            await asyncio.sleep(CRASH_NOTICE_SECONDS)  # the page's own crash may be reported a moment later
            self.usable = False
            return BrowserGone(self._death)
        if self._network.lost:
            return BrowserGone(NETWORK_DIED)
        if any(sign in str(error) for sign in UNREACHABLE_SIGNS):
            return await self.unreachable()
        return await self.unreadable()

    async def unreachable(self) -> Exception:
        """Return the error of a failed request: the site is unreachable, or the page or its network process died."""
        await asyncio.sleep(CRASH_NOTICE_SECONDS)
        if not self.usable:
            return BrowserGone(self._death)
        if self._network.lost:
            return BrowserGone(NETWORK_DIED)
        return EngineUnreachable("Perchance's server cannot be reached from here.")

    @property
    def last_status(self) -> int:
        """Return the HTTP status of the last response; 0 if there was none."""
        return self._last_response.status if self._last_response else 0

    async def unreadable(self) -> EngineError:
        """Return the error that the last response means."""
        response = self._last_response
        if response is None:
            return PerchanceChanged("Perchance's page failed without a reply.")
        return error_of_page(response.status, response.headers, await text_of(response))


class _NoReporter:
    """A Reporter that drops everything, for the time between pictures."""

    def __call__(self, *_: object, **__: object) -> None: ...

    async def preview(self, data: bytes) -> None: ...

    @property
    def wants_previews(self) -> bool:
        return False

    @property
    def time_left(self) -> float:
        return 0.0

    def setback(self, sentence: str) -> None: ...


def guidance_of(recipe: Recipe) -> float:
    """Return the guidance scale that the site is sent for a recipe, and that the result reports."""
    return max(recipe.guidance_scale, MIN_GUIDANCE)


def swallow(working: asyncio.Future[Any]) -> None:
    """Retrieve the exception of cancelled work, which asyncio would log otherwise."""
    if not working.cancelled():
        working.exception()


async def text_of(response: Response) -> str:
    """Return a response's body; "" if the browser has none or dropped it, or if it is huge or slow."""
    try:
        async with asyncio.timeout(TEXT_SECONDS):
            sizes = await response.request.sizes()
            return "" if sizes["responseBodySize"] > MAX_TEXT_BYTES else await response.text()
    except (BrowserError, TimeoutError, UnicodeDecodeError):
        return ""
