"""A page that talks with Perchance: every wait has a limit, and every failure of the browser a meaning."""

import asyncio
import contextlib
from collections.abc import Awaitable
from typing import TypeVar

from render_worker.browser import BrowserError, BrowserGone, Page, Response, died
from render_worker.contract import Recipe
from render_worker.engines.base import Report
from render_worker.engines.perchance.replies import unreadable
from render_worker.errors import EngineError, EngineUnreachable, PhaseTimeout, UnexpectedReply
from render_worker.settings import Settings

LET_GO_SECONDS = 0.5
CRASH_NOTICE_SECONDS = 0.2
DIED = "The browser died while it worked on the picture."
LOWEST_GUIDANCE = 1.0  # of every range that is documented anywhere
UNREACHABLE_SIGNS = ("net::ERR_", "Failed to fetch")

T = TypeVar("T")


class SitePage:
    """A page that is kept between pictures and serves one at a time."""

    let_go_script = "window.stop()"
    """What ends everything that the page is doing, so that the site sees its request aborted."""

    def __init__(self, page: Page, settings: Settings) -> None:
        self.page = page
        self.settings = settings
        self.usable = True
        self.report: Report = _nobody
        self._last_response: Response | None = None
        page.on("response", self._remember)
        page.on("crash", self._crashed)
        page.on("close", self._crashed)

    def _remember(self, response: Response) -> None:
        self._last_response = response

    def _crashed(self, _: Page) -> None:
        self.usable = False

    async def within(self, phase: str, seconds: float, work: Awaitable[T]) -> T:
        """Wait for one phase's work; what the browser says of a failure becomes an EngineError or BrowserGone."""
        self._last_response = None
        try:
            async with asyncio.timeout(seconds):
                return await work
        except TimeoutError:
            await self.let_go()
            raise PhaseTimeout(f"Perchance did not answer within {seconds:g} seconds while {phase}.") from None
        except asyncio.CancelledError:
            await self.let_go()
            raise
        except BrowserError as error:
            raise await self._translated(error) from error

    async def let_go(self) -> None:
        """Leave the page fit for the next picture, or close it."""
        try:
            await asyncio.wait_for(self.page.evaluate(self.let_go_script), LET_GO_SECONDS)
        except (BrowserError, TimeoutError):
            await self.close()

    async def close(self) -> None:
        """Close the page."""
        self.usable = False
        with contextlib.suppress(BrowserError, TimeoutError):  # what is dead needs no closing
            await asyncio.wait_for(self.page.close(), LET_GO_SECONDS)

    async def _translated(self, error: BrowserError) -> Exception:
        if died(error):
            self.usable = False
            return BrowserGone(DIED)
        if any(sign in str(error) for sign in UNREACHABLE_SIGNS):
            return await self.unreachable()
        return await self.unreadable()

    async def unreachable(self) -> Exception:
        """What a request that failed means: the same is heard of a page that is about to be known as dead."""
        await asyncio.sleep(CRASH_NOTICE_SECONDS)
        if not self.usable:
            return BrowserGone(DIED)
        return EngineUnreachable("Perchance's server cannot be reached from here.")

    @property
    def last_status(self) -> int:
        """HTTP status of the last response; 0 where there was none."""
        return self._last_response.status if self._last_response else 0

    async def unreadable(self) -> EngineError:
        """What the last response means, which is not what was asked for."""
        response = self._last_response
        if response is None:
            return UnexpectedReply("Perchance's page failed without a reply.")
        return unreadable(response.status, response.headers, await text_of(response))


def _nobody(*_: object, **__: object) -> None:
    """In place of a report, while no picture is being made."""


def guidance_of(recipe: Recipe) -> float:
    """The guidance that the site is sent for a recipe, and that the answer tells."""
    return max(recipe.guidance_scale, LOWEST_GUIDANCE)


async def text_of(response: Response) -> str:
    """A response's body; empty where the browser has none or has dropped it."""
    try:
        return await response.text()
    except (BrowserError, UnicodeDecodeError):
        return ""
