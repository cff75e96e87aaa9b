"""The sessions and their browser: launched at the start, replaced where memory is short, closed where nobody works."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from render_worker.browser import Browser, BrowserGone
from render_worker.contract import SessionHealth
from render_worker.engines.perchance.parent import ParentServer
from render_worker.engines.perchance.session import Session
from render_worker.memory import Memory, measure
from render_worker.settings import Settings

RETRY_SECONDS = 30.0  # between attempts to start a browser that nobody has asked for yet
LOOK_SECONDS = 1.0
HIGH_SHARE = 0.75  # of what the service may use: the browser is replaced when the running pictures are done
URGENT_SHARE = 0.9  # replaced at once: the running pictures are begun again, which they would not be after a kill
PAUSE_SECONDS = 60.0  # a replacement that did not help would not help a second later either

log = logging.getLogger(__name__)


class SessionPool:
    """As many sessions as PERCHANCE_SESSIONS says, each lent to one picture at a time."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.browser = Browser(settings.chromium_path)
        self._parent = ParentServer()
        self._sessions = [Session(self.browser, self._parent, settings) for _ in range(settings.perchance_sessions)]
        self._free: asyncio.LifoQueue[Session] = asyncio.LifoQueue()  # the one that was used last is the warmest
        for session in self._sessions:
            self._free.put_nowait(session)
        self._upkeep: asyncio.Task[None] | None = None
        self._used = time.monotonic()
        self._replaced = time.monotonic() - PAUSE_SECONDS

    async def start(self) -> None:
        """Launch the browser, so that the first caller does not pay for it, and look after it from then on."""
        self._upkeep = asyncio.create_task(self._look_after())
        while True:
            try:
                await self.browser.start()
            except BrowserGone as gone:
                log.error("%s", gone)  # noqa: TRY400 - the sentence says it all
                await asyncio.sleep(RETRY_SECONDS)
            else:
                return

    async def stop(self) -> None:
        """Close everything."""
        if self._upkeep:
            self._upkeep.cancel()
        await self.browser.stop()
        self._parent.close()

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        """A session for one picture, when one is free."""
        session = await self._free.get()
        try:
            yield session
        finally:
            self._used = time.monotonic()
            self._free.put_nowait(session)

    def health(self) -> list[SessionHealth]:
        """What each session is doing."""
        return [session.health() for session in self._sessions]

    async def _look_after(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            memory = measure(self._settings.memory_limit_mb)
            if memory.share > HIGH_SHARE and time.monotonic() > self._replaced + PAUSE_SECONDS:
                await self._replace_browser(memory)
            elif self.browser.running and self._is_idle():
                log.info("browser closed after %d seconds without work", self._settings.browser_idle_seconds)
                await self._close_browser()

    def _is_idle(self) -> bool:
        working = self._free.qsize() < len(self._sessions)
        limit = self._settings.browser_idle_seconds
        return bool(limit) and not working and time.monotonic() > self._used + limit

    async def _replace_browser(self, memory: Memory) -> None:
        urgent = memory.share > URGENT_SHARE
        log.warning(
            "browser replaced %s: %d of %s MiB are used",
            "at once" if urgent else "after the running pictures",
            memory.used,
            memory.limit,
        )
        self._replaced = time.monotonic()
        if urgent:
            self.browser.kill()
        await self._close_browser()
        with contextlib.suppress(BrowserGone):  # the next caller tries again, and is told
            await self.browser.start()

    async def _close_browser(self) -> None:
        """Close it when no picture is being made; callers wait meanwhile."""
        held = [await self._free.get() for _ in self._sessions]
        try:
            for session in held:
                await session.close()
            await self.browser.stop()
        finally:
            for session in held:
                self._free.put_nowait(session)
