"""The pool of sessions and their browser: launched at the start, replaced if memory is short, closed if idle."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from render_worker.browser.browser import Browser
from render_worker.browser.memory import Memory, measure
from render_worker.contract import SessionHealth
from render_worker.engines.perchance.parent import ParentServer
from render_worker.engines.perchance.routes import Routes
from render_worker.engines.perchance.session import Session
from render_worker.engines.perchance.settings import PerchanceSettings

RETRY_SECONDS = 30.0  # between attempts to launch the browser before its first use
LOOK_SECONDS = 1.0
HIGH_SHARE = 0.75  # of the memory limit: the browser is replaced when the running pictures are done
URGENT_SHARE = 0.9  # replaced at once: the running pictures are retried, which they would not be after a kill
HIGH_LOOK_SECONDS = 0.3  # a runaway page takes the last quarter in a second or two
PAUSE_SECONDS = 60.0  # a replacement that did not help would not a second later either
URGENT_PAUSE_SECONDS = 3.0  # one that did help may be needed again for the very next picture
PAUSE_GROWTH = 4  # but if every picture needs one, the memory is too small, and some picture must get through

log = logging.getLogger(__name__)


class SessionPool:
    """PERCHANCE_SESSIONS sessions, each lent to one picture at a time."""

    def __init__(self, settings: PerchanceSettings) -> None:
        self._settings = settings
        self.browser = Browser(settings.chromium_path, settings.browser_sandbox)
        self._parent = ParentServer()
        self.routes = Routes(settings)
        self._sessions = [
            Session(self.browser, self._parent, settings, self.routes) for _ in range(settings.perchance_sessions)
        ]
        self._free: asyncio.LifoQueue[Session] = asyncio.LifoQueue()  # the last one used is the warmest
        for session in self._sessions:
            self._free.put_nowait(session)
        self._upkeep: asyncio.Task[None] | None = None
        self._change: asyncio.Task[None] | None = None
        self._used = time.monotonic()
        self._graceful_from = self._urgent_from = 0.0
        self._replaced = -PAUSE_SECONDS
        self._pause = URGENT_PAUSE_SECONDS

    async def start(self) -> None:
        """Launch the browser, so that no client waits for it, and watch its memory and idle time from then on."""
        self._upkeep = asyncio.create_task(self._watch())
        while True:
            try:
                await self.browser.start()
            except Exception as error:  # noqa: BLE001 - whatever it is, the next attempt may do better
                log.error("%s", error)  # noqa: TRY400 - the sentence says it all
                await asyncio.sleep(RETRY_SECONDS)
            else:
                return

    async def stop(self) -> None:
        """Close everything."""
        for task in (self._upkeep, self._change):
            if task:
                task.cancel()
        await self.browser.stop()
        self._parent.close()

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        """Yield a session for one picture, when one is free."""
        session = await self._free.get()
        try:
            yield session
        finally:
            self._used = time.monotonic()
            self._free.put_nowait(session)

    def health(self) -> list[SessionHealth]:
        """Return each session's state."""
        return [session.health() for session in self._sessions]

    async def _watch(self) -> None:
        pause = LOOK_SECONDS
        while True:
            await asyncio.sleep(pause)
            try:
                pause = self._look()
            except Exception as error:  # noqa: BLE001 - one bad look, as without a free descriptor, is not the last
                log.warning("browser maintenance failed: %s", error)

    def _look(self) -> float:
        """Begin a replacement or closing if it is due; return the seconds until the next look."""
        memory, now = measure(self._settings.memory_limit_mb), time.monotonic()
        if self.browser.launching:
            return LOOK_SECONDS
        if memory.share > URGENT_SHARE and now > self._urgent_from:
            self._begin(self._replace_at_once(memory))
        elif self._change and not self._change.done():
            pass  # one change at a time
        elif memory.share > HIGH_SHARE and now > self._graceful_from:
            self._begin(self._replace_gracefully(memory))
        elif self.browser.started and self._is_idle():
            self._begin(self._close_idle())
        return HIGH_LOOK_SECONDS if memory.share > HIGH_SHARE and now > self._urgent_from else LOOK_SECONDS

    def _begin(self, change: Coroutine[Any, Any, None]) -> None:
        """Begin this change in place of one that waits for the running pictures."""
        if self._change:
            self._change.cancel()
        self._change = asyncio.create_task(change)
        self._change.add_done_callback(_log_failure)

    def _is_idle(self) -> bool:
        working = self._free.qsize() < len(self._sessions)
        limit = self._settings.browser_idle_seconds
        return bool(limit) and not working and time.monotonic() > self._used + limit

    async def _replace_at_once(self, memory: Memory) -> None:
        """Kill the browser; the retries of the running pictures launch the next one together with this."""
        log.warning("browser replaced at once: %d of %s MiB in use", memory.used, memory.limit)
        now = time.monotonic()
        again = now < self._replaced + PAUSE_SECONDS
        self._pause = min(PAUSE_SECONDS, self._pause * PAUSE_GROWTH) if again else URGENT_PAUSE_SECONDS
        self._replaced = now
        self._urgent_from = self._graceful_from = now + PAUSE_SECONDS
        self.browser.kill()
        await self.browser.start()
        if measure(self._settings.memory_limit_mb).share < URGENT_SHARE:
            self._urgent_from = time.monotonic() + self._pause

    async def _replace_gracefully(self, memory: Memory) -> None:
        log.warning("browser replaced after the generations in flight: %d of %s MiB in use", memory.used, memory.limit)
        self._graceful_from = time.monotonic() + PAUSE_SECONDS
        launches = self.browser.launches
        async with self._all_sessions():
            if self.browser.launches == launches:  # unless a crash meanwhile replaced it already
                await self._close_browser()
        await self.browser.start()

    async def _close_idle(self) -> None:
        log.info("idle browser closed after %d seconds", self._settings.browser_idle_seconds)
        async with self._all_sessions():
            await self._close_browser()

    @asynccontextmanager
    async def _all_sessions(self) -> AsyncIterator[None]:
        """Hold every session; pictures wait meanwhile."""
        held: list[Session] = []
        try:
            while len(held) < len(self._sessions):
                held.append(await self._free.get())
            yield
        finally:
            for session in held:
                self._free.put_nowait(session)

    async def _close_browser(self) -> None:
        for session in self._sessions:
            await session.close()
        await self.browser.stop()


def _log_failure(change: asyncio.Task[None]) -> None:
    """Log why it failed; the next picture launches the browser again, and reports its error."""
    if not change.cancelled() and (error := change.exception()):
        log.warning("browser replacement failed: %s", error)
