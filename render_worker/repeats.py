"""One generation for each request, however often the request arrives.

What stands before a worker that has just been started may hand a request on and still report a failure. The API tier
then sends the same request again, with the same id, and must neither pay twice nor get another picture.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from cachetools import TTLCache

from render_worker.contract import NO_REQUEST_ID, GenerateRequest, GenerateResult

REMEMBERED_RESULTS = 256
REMEMBERED_SECONDS = 3600  # the longest time that a request may have

log = logging.getLogger(__name__)


@dataclass
class _Running:
    task: asyncio.Task[GenerateResult]
    waiting: int = 0


class Repeats:
    """Joins a request to the running or finished one with the same id and recipe. It belongs to the loop's thread."""

    def __init__(self, generate: Callable[[GenerateRequest], Coroutine[Any, Any, GenerateResult]]) -> None:
        self._generate = generate
        self._running: dict[str, _Running] = {}
        self._made: TTLCache[str, GenerateResult] = TTLCache(REMEMBERED_RESULTS, REMEMBERED_SECONDS)

    async def generate(self, request: GenerateRequest) -> GenerateResult:
        """The picture of this request; a failure is not remembered, so that asking again tries again."""
        if request.request_id == NO_REQUEST_ID:
            return await self._generate(request)
        key = request.model_dump_json(exclude={"timeout_seconds"})  # a repeat has less time left
        if key in self._made:
            log.info("%s asked again for what was made", request.request_id)
            return self._made[key]
        self._made[key] = result = await self._joined(key, request)
        return result

    async def _joined(self, key: str, request: GenerateRequest) -> GenerateResult:
        running = self._running.get(key)
        if running is None:
            running = self._running[key] = _Running(asyncio.create_task(self._generate(request)))
        else:
            log.info("%s asked again for what is being made", request.request_id)
        running.waiting += 1
        try:
            return await asyncio.shield(running.task)
        finally:
            running.waiting -= 1
            if not running.waiting:  # nobody is left whose deadline has not passed
                del self._running[key]
                running.task.cancel()
                await asyncio.wait([running.task])
