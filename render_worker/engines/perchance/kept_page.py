"""The page that the `perchance` package is lent in place of a new one for each picture.

The package opens a page, navigates it to verifyUser, reads the key out of it and calls `fetch` there; then it does
the same again for the download. Here page and key are kept, so that only the two fetches remain, and each reply is
looked at before the package sees it: the package looks only for the keys it needs and loses the reply's status.
"""

import asyncio
import contextlib
from collections.abc import Awaitable
from typing import Any, Self, TypeVar

from render_worker.browser import BrowserError, BrowserGone, Page, Response, died
from render_worker.engines.base import Report
from render_worker.engines.perchance.replies import check_generated, read_user_key, unreadable
from render_worker.errors import EngineError, EngineUnreachable, PhaseTimeout, UnexpectedReply
from render_worker.settings import Settings

LET_GO_SECONDS = 0.5
UNREACHABLE_SIGNS = ("net::ERR_", "Failed to fetch")

T = TypeVar("T")


class KeptPage:
    """A page with its key. It has the four things that the package asks of a page, and serves one picture at a time."""

    def __init__(self, page: Page, settings: Settings) -> None:
        self._page = page
        self._settings = settings
        self._key: str | None = None
        self._last_response: Response | None = None
        self.usable = True
        self.report: Report = lambda phase: None
        page.on("response", self._remember)

    def _remember(self, response: Response) -> None:
        self._last_response = response

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Keep the page: the package believes that it closes it."""

    async def goto(self, url: str) -> None:
        """Navigate to verifyUser for a key, unless there is one."""
        if self._key is None:
            self.report("verifying")
            response = await self._within(
                "verifying",
                self._settings.perchance_verify_seconds,
                self._page.goto(url, timeout=0),  # the limit is the phase's own
            )
            if response is None:
                raise UnexpectedReply("Perchance sent no reply to verifyUser.")
            self._key = read_user_key(response.status, response.headers, await _text(response))

    async def content(self) -> str:
        """What the package searches for the key."""
        return f'{{"userKey":"{self._key}"}}'

    async def evaluate(self, script: str, argument: object) -> Any:
        """Run one of the package's two fetches: the one of `generate` has an object for its argument."""
        if isinstance(argument, dict):
            self.report("generating")
            reply = await self._within(
                "generating", self._settings.perchance_generate_seconds, self._page.evaluate(script, argument)
            )
            check_generated(reply)
        else:
            self.report("downloading")
            reply = await self._within(
                "downloading", self._settings.perchance_download_seconds, self._page.evaluate(script, argument)
            )
            if not reply["ok"]:
                raise await self._unreadable()
        return reply

    def forget_key(self) -> None:
        """Ask for a new key before the next picture."""
        self._key = None

    async def close(self) -> None:
        """Close the page and its context."""
        self.usable = False
        with contextlib.suppress(BrowserError, TimeoutError):  # what is dead needs no closing
            await asyncio.wait_for(self._page.context.close(), LET_GO_SECONDS)

    async def _within(self, phase: str, seconds: float, work: Awaitable[T]) -> T:
        self._last_response = None
        try:
            async with asyncio.timeout(seconds):
                return await work
        except TimeoutError:
            await self._let_go()
            raise PhaseTimeout(f"Perchance did not answer within {seconds:g} seconds while {phase}.") from None
        except asyncio.CancelledError:
            await self._let_go()
            raise
        except BrowserError as error:
            raise await self._translated(error) from error

    async def _let_go(self) -> None:
        """End what the page is doing, so that the site sees its request aborted and the page serves the next one."""
        try:
            await asyncio.wait_for(self._page.evaluate("window.stop()"), LET_GO_SECONDS)
        except (BrowserError, TimeoutError):
            await self.close()

    async def _translated(self, error: BrowserError) -> Exception:
        if died(error):
            self.usable = False
            return BrowserGone("The browser died while it worked on the picture.")
        if any(sign in str(error) for sign in UNREACHABLE_SIGNS):
            return EngineUnreachable("Perchance's server cannot be reached from here.")
        return await self._unreadable()

    async def _unreadable(self) -> EngineError:
        response = self._last_response
        if response is None:
            return UnexpectedReply("Perchance's page failed without a reply.")
        return unreadable(response.status, response.headers, await _text(response))


async def _text(response: Response) -> str:
    try:
        return await response.text()
    except (BrowserError, UnicodeDecodeError):
        return ""  # an empty body, or one that the browser has dropped: the status must do
