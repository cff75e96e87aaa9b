"""Perchance's image generator through a real browser, by its own page for outside apps or by its internal protocol."""

import asyncio
import logging
import math
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from render_worker.browser import Browser, BrowserGone
from render_worker.contract import EngineHealth, Recipe
from render_worker.engines.base import Engine, GeneratedImage, Report
from render_worker.engines.perchance.parent import ParentServer
from render_worker.engines.perchance.session import Session
from render_worker.errors import EngineError, InvalidParameter, VerificationRequired, Wall
from render_worker.settings import Settings

INLINE_SETTING = re.compile(r"\((seed|resolution|guidanceScale|negativePrompt):::")  # the site obeys them in a prompt
RETRY_SECONDS = 30.0  # between attempts to start a browser that nobody has asked for yet
ATTEMPTS = 2  # a browser that dies twice for one request may well die of that request

log = logging.getLogger(__name__)


class PerchanceEngine(Engine):
    """Pictures of perchance.org, by as many kept sessions as PERCHANCE_SESSIONS says."""

    name = "perchance"
    description = "Perchance's free AI image generator, through a browser."

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._browser = Browser(settings.chromium_path)
        self._parent = ParentServer()
        self._sessions: asyncio.LifoQueue[Session] = asyncio.LifoQueue()  # the one that was used last is the warmest
        for _ in range(settings.perchance_sessions):
            self._sessions.put_nowait(Session(self._browser, self._parent, settings))
        self.places = asyncio.Semaphore(settings.perchance_sessions)
        self._rest = _Rest()

    async def start(self) -> None:
        """Launch the browser, so that the first caller does not pay for it."""
        while True:
            try:
                await self._browser.start()
            except BrowserGone as gone:
                log.error("%s", gone)  # noqa: TRY400 - the sentence says it all
                await asyncio.sleep(RETRY_SECONDS)
            else:
                return

    async def stop(self) -> None:
        await self._browser.stop()
        self._parent.close()

    async def generate(self, recipe: Recipe, report: Report) -> GeneratedImage:
        for name, text in (("prompt", recipe.prompt), ("negative_prompt", recipe.negative_prompt or "")):
            if INLINE_SETTING.search(text):
                raise InvalidParameter(f"{name} must not hold Perchance's inline settings such as (seed:::1).")
        self._rest.refuse()
        try:
            return await self._generate(recipe, report)
        except Wall as wall:
            self._rest.begin(wall, self._settings.perchance_rest_seconds)
            raise

    async def _generate(self, recipe: Recipe, report: Report) -> GeneratedImage:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                async with self._session() as session:
                    return await session.make(recipe, report)
            except BrowserGone as gone:
                log.warning("attempt %d of %d: %s", attempt, ATTEMPTS, gone)
                reason = str(gone)
        raise EngineError(reason)

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[Session]:
        session = await self._sessions.get()
        try:
            yield session
        finally:
            self._sessions.put_nowait(session)

    def health(self) -> EngineHealth:
        browser = self._browser
        if browser.failure:
            return EngineHealth(state="down", reason=f"The browser could not be started: {browser.failure}")
        if self._rest.seconds_left > 0:
            return EngineHealth(state="resting", reason=f"resting until {self._rest.until}, because: {self._rest.why}")
        details: dict[str, int | str | bool] = {
            "browser_running": browser.running,
            "browser_launches": browser.launches,
        }
        return EngineHealth(state="ready" if browser.launches else "starting", details=details)


class _Rest:
    """A while in which the site is left alone, because asking again would make its refusal last longer."""

    def __init__(self) -> None:
        self._end = 0.0
        self._wall: Wall = VerificationRequired()
        self.until = ""

    @property
    def seconds_left(self) -> int:
        return max(0, math.ceil(self._end - time.monotonic()))

    @property
    def why(self) -> str:
        return str(self._wall)

    def begin(self, wall: Wall, seconds: int) -> None:
        """Rest for some seconds, or as long as the site itself said; the wall's caller is told of it."""
        if wall.retry_after is not None:
            seconds = wall.retry_after
        if time.monotonic() + seconds < self._end:
            wall.retry_after = self.seconds_left
            return  # another session met a longer one
        self._end, self._wall = time.monotonic() + seconds, wall
        self.until = (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat(timespec="seconds")
        wall.retry_after = seconds or None
        log.warning("resting for %d seconds: %s", seconds, wall)

    def refuse(self) -> None:
        """Raise what was met before, while the rest lasts."""
        left = self.seconds_left
        if left:
            raise type(self._wall)(left)
