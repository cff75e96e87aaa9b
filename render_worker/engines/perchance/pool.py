"""The sessions and their browser: launched at the start, replaced where memory is short, closed where nobody works."""

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
from render_worker.engines.perchance.session import Session
from render_worker.engines.perchance.settings import PerchanceSettings

RETRY_SECONDS = 30.0  # between attempts to start a browser that nobody has asked for yet
LOOK_SECONDS = 1.0
HIGH_SHARE = 0.75  # of what the service may use: the browser is replaced when the running pictures are done
URGENT_SHARE = 0.9  # replaced at once: the running pictures are begun again, which they would not be after a kill
HIGH_LOOK_SECONDS = 0.3  # a page that runs wild takes the last quarter in a second or two
PAUSE_SECONDS = 60.0  # a replacement that did not help would not help a second later either
URGENT_PAUSE_SECONDS = 3.0  # one that did help may be needed again by the very next picture
PAUSE_GROWTH = 4  # but where each picture needs it, the memory is too small, and some picture must get through

log = logging.getLogger(__name__)


class SessionPool:
    """As many sessions as PERCHANCE_SESSIONS says, each lent to one picture at a time."""

    def __init__(self, settings: PerchanceSettings) -> None:
        self._settings = settings
        self.browser = Browser(settings.chromium_path, settings.browser_sandbox)
        self._parent = ParentServer()
        self._sessions = [Session(self.browser, self._parent, settings) for _ in range(settings.perchance_sessions)]
        self._free: asyncio.LifoQueue[Session] = asyncio.LifoQueue()  # the one that was used last is the warmest
        for session in self._sessions:
            self._free.put_nowait(session)
        self._upkeep: asyncio.Task[None] | None = None
        self._change: asyncio.Task[None] | None = None
        self._used = time.monotonic()
        self._polite_from = self._urgent_from = 0.0
        self._replaced = -PAUSE_SECONDS
        self._pause = URGENT_PAUSE_SECONDS

    async def start(self) -> None:
        """Launch the browser, so that the first caller does not pay for it, and look after it from then on."""
        self._upkeep = asyncio.create_task(self._look_after())
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
        pause = LOOK_SECONDS
        while True:
            await asyncio.sleep(pause)
            try:
                pause = self._look()
            except Exception as error:  # noqa: BLE001 - one bad look, as without a free descriptor, is not the last
                log.warning("looking after the browser failed: %s", error)

    def _look(self) -> float:
        """Begin what the moment asks for; the seconds until the next look."""
        memory, now = measure(self._settings.memory_limit_mb), time.monotonic()
        if self.browser.launching:
            return LOOK_SECONDS
        if memory.share > URGENT_SHARE and now > self._urgent_from:
            self._begin(self._replace_at_once(memory))
        elif self._change and not self._change.done():
            pass  # one at a time
        elif memory.share > HIGH_SHARE and now > self._polite_from:
            self._begin(self._replace_politely(memory))
        elif self.browser.started and self._is_idle():
            self._begin(self._close_idle())
        return HIGH_LOOK_SECONDS if memory.share > HIGH_SHARE and now > self._urgent_from else LOOK_SECONDS

    def _begin(self, change: Coroutine[Any, Any, None]) -> None:
        """Do this in place of whatever waits for the running pictures."""
        if self._change:
            self._change.cancel()
        self._change = asyncio.create_task(change)
        self._change.add_done_callback(_tell_failure)

    def _is_idle(self) -> bool:
        working = self._free.qsize() < len(self._sessions)
        limit = self._settings.browser_idle_seconds
        return bool(limit) and not working and time.monotonic() > self._used + limit

    async def _replace_at_once(self, memory: Memory) -> None:
        """Kill the browser. The running pictures' second attempts launch the next one together with this."""
        log.warning("browser replaced at once: %d of %s MiB are used", memory.used, memory.limit)
        now = time.monotonic()
        again = now < self._replaced + PAUSE_SECONDS
        self._pause = min(PAUSE_SECONDS, self._pause * PAUSE_GROWTH) if again else URGENT_PAUSE_SECONDS
        self._replaced = now
        self._urgent_from = self._polite_from = now + PAUSE_SECONDS
        self.browser.kill()
        await self.browser.start()
        if measure(self._settings.memory_limit_mb).share < URGENT_SHARE:
            self._urgent_from = time.monotonic() + self._pause

    async def _replace_politely(self, memory: Memory) -> None:
        log.warning("browser replaced after the running pictures: %d of %s MiB are used", memory.used, memory.limit)
        self._polite_from = time.monotonic() + PAUSE_SECONDS
        launches = self.browser.launches
        async with self._nobody_working():
            if self.browser.launches == launches:  # a death meanwhile replaced it already
                await self._close_browser()
        await self.browser.start()

    async def _close_idle(self) -> None:
        log.info("browser closed after %d seconds without work", self._settings.browser_idle_seconds)
        async with self._nobody_working():
            await self._close_browser()

    @asynccontextmanager
    async def _nobody_working(self) -> AsyncIterator[None]:
        """Hold every session; callers wait meanwhile."""
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


def _tell_failure(change: asyncio.Task[None]) -> None:
    """The next caller tries again, and is told."""
    if not change.cancelled() and (error := change.exception()):
        log.warning("the browser was not replaced: %s", error)
