"""One generation for each request, however often the request arrives.

What stands before a worker that has just been started may hand a request on and still report a failure. The API tier
then sends the same request again, with the same id, and must neither pay twice nor get another picture.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from typing import Any

from cachetools import TTLCache

from render_worker.contract import NO_REQUEST_ID, GenerateRequest, GenerateResult, Progress
from render_worker.errors import Superseded
from render_worker.generation.progress import OnProgress, nobody

REMEMBERED_RESULTS = 256
REMEMBERED_SECONDS = 3600  # the longest time that a request may have; a signed link lives longer

SecondsLeft = Callable[[], float]
"""How long the request may still take: a repeat's own time counts, not that of the first."""
Generate = Callable[[GenerateRequest, OnProgress, SecondsLeft], Coroutine[Any, Any, GenerateResult]]

log = logging.getLogger(__name__)


class _Running:
    """A generation, and the one request that waits for it."""

    def __init__(self, begin: Callable[[OnProgress, SecondsLeft], Coroutine[Any, Any, GenerateResult]]) -> None:
        self.task = asyncio.create_task(begin(self._told, lambda: self._end - time.monotonic()))
        self.abandoned = False
        self._end = time.monotonic()
        self._reader: asyncio.Future[None] | None = None
        self._tell: OnProgress = nobody
        self._latest: Progress | None = None

    def _told(self, progress: Progress) -> None:
        self._latest = progress
        self._tell(progress)

    async def result(self, tell: OnProgress, seconds: float) -> GenerateResult:
        """Wait so long for the picture in the place of whoever waited before, and whose connection is gone."""
        self._end = time.monotonic() + seconds
        if self._reader and not self._reader.done():
            self._reader.set_result(None)
        self._tell = tell
        if self._latest:
            tell(self._latest)
        me = self._reader = asyncio.get_running_loop().create_future()
        try:
            await asyncio.wait({self.task, me}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            if self._reader is me and not self.task.done():
                await self._abandon()
        if not self.task.done():
            raise Superseded("The same request was sent again, and that one gets the answer.")
        return self.task.result()

    async def _abandon(self) -> None:
        """End the work: the time of the last one who waited is over."""
        self.abandoned = True
        self.task.cancel()
        await asyncio.wait({self.task})
        if not self.task.cancelled():
            self.task.exception()  # nobody else looks at it


class IdempotentRequests:
    """Joins a request to the running or finished one with the same id and recipe. It belongs to the loop's thread."""

    def __init__(self, generate: Generate) -> None:
        self._generate = generate
        self._running: dict[str, _Running] = {}
        self._made: TTLCache[str, GenerateResult] = TTLCache(REMEMBERED_RESULTS, REMEMBERED_SECONDS)

    async def generate(self, request: GenerateRequest, tell: OnProgress = nobody) -> GenerateResult:
        """The picture of this request; a failure is not remembered, so that asking again tries again.

        A repeat is told the latest progress, and in place of the first request whatever follows.
        """
        if request.request_id == NO_REQUEST_ID:
            end = time.monotonic() + request.timeout_seconds
            return await self._generate(request, tell, lambda: end - time.monotonic())
        key = request.model_dump_json(exclude={"timeout_seconds"})  # a repeat has less time left
        while (running := self._running.get(key)) and running.abandoned:
            await asyncio.wait({running.task})
        if key in self._made:
            log.info("%s asked again for what was made", request.request_id)
            return self._made[key]
        if running is None:
            running = self._running[key] = _Running(lambda *told: self._make(key, request, *told))
        else:
            log.info("%s asked again for what is being made", request.request_id)
        return await running.result(tell, request.timeout_seconds)

    async def _make(self, key: str, request: GenerateRequest, tell: OnProgress, left: SecondsLeft) -> GenerateResult:
        try:
            self._made[key] = result = await self._generate(request, tell, left)
        finally:
            del self._running[key]
        return result
