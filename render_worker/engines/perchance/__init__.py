"""Perchance's image generator, through a real browser and the `perchance` package's own protocol."""

import asyncio
import logging
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from render_worker.browser import Browser, BrowserGone
from render_worker.contract import EngineHealth, Recipe
from render_worker.engines.base import Engine, GeneratedImage, Report
from render_worker.engines.perchance.session import Session
from render_worker.errors import EngineError, InvalidParameter
from render_worker.settings import Settings

INLINE_SETTING = re.compile(r"\((seed|resolution|guidanceScale|negativePrompt):::")  # the site obeys them in a prompt
ATTEMPTS = 2  # a browser that dies twice for one request may well die of that request

log = logging.getLogger(__name__)


class PerchanceEngine(Engine):
    """Pictures of perchance.org, by as many kept sessions as PERCHANCE_SESSIONS says."""

    name = "perchance"
    description = "Perchance's free AI image generator, through a browser."

    def __init__(self, settings: Settings) -> None:
        self._browser = Browser(settings.chromium_path)
        self._sessions: asyncio.LifoQueue[Session] = asyncio.LifoQueue()  # the one that was used last is the warmest
        for _ in range(settings.perchance_sessions):
            self._sessions.put_nowait(Session(self._browser, settings))
        self.places = asyncio.Semaphore(settings.perchance_sessions)

    async def start(self) -> None:
        """Launch the browser, so that the first caller does not pay for it."""
        await self._browser.start()

    async def stop(self) -> None:
        await self._browser.stop()

    async def generate(self, recipe: Recipe, report: Report) -> GeneratedImage:
        for name, text in (("prompt", recipe.prompt), ("negative_prompt", recipe.negative_prompt or "")):
            if INLINE_SETTING.search(text):
                raise InvalidParameter(f"{name} must not hold Perchance's inline settings such as (seed:::1).")
        for attempt in range(1, ATTEMPTS + 1):
            try:
                async with self._session() as session:
                    return await session.make(recipe, report)
            except BrowserGone as gone:
                log.warning("attempt %d: %s", attempt, gone)
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
        details: dict[str, int | str | bool] = {
            "browser_running": browser.running,
            "browser_launches": browser.launches,
        }
        return EngineHealth(state="ready" if browser.launches else "starting", details=details)
