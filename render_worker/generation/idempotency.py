"""Idempotency: one generation for each request, however often the request arrives, until it is cancelled.

What stands before a worker that has just been started may forward a request and still report a failure. The API tier
then sends the same request again, with the same id, and must neither pay twice nor get another picture.
"""

import asyncio
import logging
import math
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from cachetools import TTLCache

from render_worker.budgets.expense import Expense
from render_worker.budgets.expenses import Expenses
from render_worker.cancellation import Cancelled
from render_worker.contract import NO_REQUEST_ID, GenerateRequest, GenerateResult, Progress
from render_worker.errors import Superseded
from render_worker.generation.movable_deadline import MovableDeadline
from render_worker.generation.progress import OnProgress, ignore_progress
from render_worker.serving.deadline import Deadline

MAX_RESULTS = 256
RESULT_TTL_SECONDS = 3600  # the longest time that a request may have; a signed link lives longer
MAX_CANCELLED = 1024
CANCELLED_TTL_SECONDS = 60  # within which a request arrives that its cancellation has overtaken

Generate = Callable[[GenerateRequest, OnProgress, MovableDeadline, Expense], Coroutine[Any, Any, GenerateResult]]

log = logging.getLogger(__name__)


class _Generation:
    """A generation in flight, and the one request that waits for it: the latest."""

    def __init__(
        self,
        request_id: str,
        begin: Callable[[OnProgress, MovableDeadline], Coroutine[Any, Any, GenerateResult]],
        deadline: Deadline,
    ) -> None:
        self.request_id = request_id
        self._deadline = MovableDeadline(deadline)
        self.cancelled = False
        self.task = asyncio.create_task(begin(self._report, self._deadline))
        self.abandoned = False
        self._waiter: asyncio.Future[None] | None = None
        self._on_progress: OnProgress = ignore_progress
        self._latest: Progress | None = None

    def _report(self, progress: Progress) -> None:
        self._latest = progress
        self._on_progress(progress)

    async def result(self, on_progress: OnProgress, deadline: Deadline) -> GenerateResult:
        """Become the only waiter, and replace the generation's deadline by this request's.

        Raises Superseded when the next one takes its place. If the waiter is cancelled, so is the generation.
        """
        self._deadline.move_to(deadline)
        if self._waiter and not self._waiter.done():
            self._waiter.set_result(None)
        self._on_progress = on_progress
        if self._latest:
            on_progress(self._latest)
        waiter = self._waiter = asyncio.get_running_loop().create_future()
        try:
            await asyncio.wait({self.task, waiter}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            if self._waiter is waiter and not self.task.done():
                await self._abandon()
        if not self.task.done():
            raise Superseded("The same request was sent again, and that one gets the answer.")
        if self.cancelled and self.task.cancelled():
            raise Cancelled
        return self.task.result()

    def cancel(self) -> None:
        """Cancel the generation; its waiter gets Cancelled as soon as the engine has cleaned up."""
        self.cancelled = self.abandoned = True
        self._deadline.move_to(Deadline.after(math.inf))  # a cancellation near the deadline is taken for a timeout
        self.task.cancel()

    async def _abandon(self) -> None:
        """Cancel the generation, because the last request that waited for it has ended."""
        if not self.abandoned:  # a second cancellation would cut short what the first began to clean up
            self.abandoned = True
            self.task.cancel()
        await asyncio.wait({self.task})
        if not self.task.cancelled():
            self.task.exception()  # retrieved, lest asyncio log it


class IdempotentRequests:
    """Joins an idempotent retry to the generation with the same id and recipe. It belongs to the loop's thread."""

    def __init__(self, generate: Generate) -> None:
        self._generate = generate
        self._in_flight: dict[str, _Generation] = {}
        self._results: TTLCache[str, GenerateResult] = TTLCache(MAX_RESULTS, RESULT_TTL_SECONDS)
        self._cancelled: TTLCache[str, bool] = TTLCache(MAX_CANCELLED, CANCELLED_TTL_SECONDS)
        self._expenses = Expenses()

    async def generate(self, request: GenerateRequest, on_progress: OnProgress = ignore_progress) -> GenerateResult:
        """Return the result of this request; a failure is not remembered, so that a retry tries again.

        A retry gets the latest progress, and in place of the first request all that follows. Raises Cancelled if the
        request is cancelled meanwhile, or was within the last minute.
        """
        deadline = Deadline.after(request.timeout_seconds)
        if request.request_id == NO_REQUEST_ID:
            return await self._generate(request, on_progress, MovableDeadline(deadline), Expense(request.max_price))
        key = _key(request)
        while (generation := self._in_flight.get(key)) and generation.abandoned:
            await asyncio.wait({generation.task})
        if request.request_id in self._cancelled:
            raise Cancelled
        if key in self._results:
            log.info("%s: idempotent retry, stored result returned", request.request_id)
            return self._results[key]
        if generation is None:
            make = partial(self._generate_and_keep, key, request)
            generation = _Generation(request.request_id, make, deadline)
            self._in_flight[key] = generation
        else:
            log.info("%s: idempotent retry joins the generation in flight", request.request_id)
        return await generation.result(on_progress, deadline)

    async def has(self, request_id: str) -> bool:
        """Return whether a request is in flight, or its result is kept, so that its retry costs nothing."""
        in_flight = any(it.request_id == request_id and not it.abandoned for it in self._in_flight.values())
        return in_flight or any(result.request_id == request_id for result in self._results.values())

    async def cancel(self, request_id: str) -> None:
        """Cancel what is in flight for a request, and refuse it for a minute: its cancellation may overtake it."""
        self._cancelled[request_id] = True
        await asyncio.sleep(0)  # a task that is cancelled before its first step would leave its key behind
        for generation in list(self._in_flight.values()):
            if generation.request_id == request_id and not generation.abandoned:
                log.info("%s: cancelled by its client", request_id)
                generation.cancel()

    async def _generate_and_keep(
        self, key: str, request: GenerateRequest, on_progress: OnProgress, deadline: MovableDeadline
    ) -> GenerateResult:
        expense = self._expenses.begin(key, request.max_price)
        try:
            self._results[key] = result = await self._generate(request, on_progress, deadline, expense)
        finally:
            del self._in_flight[key]
        self._expenses.forget(key)
        return result

    def cost_of(self, request: GenerateRequest) -> float | None:
        """Return what a request may have been billed that has failed, or is given up; None if that is not known.

        Thread-safe.
        """
        return self._expenses.cost_of(_key(request))

    def forget_cost(self, request: GenerateRequest) -> None:
        """Let the next attempt at a request have a max_price of its own. Thread-safe."""
        self._expenses.forget(_key(request))


def _key(request: GenerateRequest) -> str:
    """Return what a retry has in common with its request: it has less time left, and less to spend."""
    return request.model_dump_json(exclude={"timeout_seconds", "max_price"})
