"""Hedging: beside an attempt that takes long the next candidate is attempted, and the first picture taken.

Only a candidate that costs nothing is started so, one at a time. The loser is cancelled, at its service too.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Coroutine
from functools import partial
from typing import Any, TypeVar

from render_worker.cancellation import run_shielded
from render_worker.errors import EngineError, PhaseTimeout
from render_worker.generation.admission import Admission
from render_worker.generation.attempt import Attempt
from render_worker.generation.errors import TooSlow
from render_worker.generation.latency import Latencies
from render_worker.generation.progress import OnProgress
from render_worker.generation.selection import Candidate
from render_worker.generation.selector import EngineSelector
from render_worker.metrics import Metrics

ENOUGH_PICTURES = 5  # of the last hour, for a p95 that means anything
UNKNOWN_SHARE = 2.0  # times its typical seconds, is what an engine has before: these are a rough idea
LEARNT_SHARE = 2.0  # times the p95 of what it made, at most: each overtaken attempt is longer than the one before
CHECK_SECONDS = 0.1  # between two looks whether the next candidate can begin at once

log = logging.getLogger(__name__)

T = TypeVar("T")
Run = Callable[[Attempt], Coroutine[Any, Any, T | None]]
"""Runs an attempt; returns None if it failed, which is recorded then."""


class Hedging:
    """Runs attempts, each with a hedge beside it if that is enabled and it takes long."""

    def __init__(
        self, enabled: bool, selector: EngineSelector, admission: Admission, latencies: Latencies, metrics: Metrics
    ) -> None:
        self._enabled = enabled
        self._selector = selector
        self._admission = admission
        self._latencies = latencies
        self._metrics = metrics

    async def run(self, attempt: Attempt, run: Run[T], on_progress: OnProgress) -> T | None:
        """Return the result of the attempt, or of its hedge if that is first; None if what was started failed."""
        attempt.lane.on_progress = on_progress
        if not self._enabled or not _is_free(attempt):
            return await run(attempt)
        running = {_start(attempt, run): attempt}
        try:
            if await self._is_due(attempt) and (hedge := attempt.next()):
                self._join(attempt, hedge, on_progress)
                self._metrics.count_hedge(hedge.engine.name)
                running[_start(hedge, run)] = hedge
            return await _first_result(running)
        finally:
            await run_shielded(_end(running))

    async def _is_due(self, attempt: Attempt) -> bool:
        """Wait until the attempt has taken longer than usual, and the next candidate can begin; False if it ends."""
        lane = attempt.lane
        assert lane.task  # noqa: S101 - it was started
        while not lane.task.done():
            seconds = self._seconds_until_due(attempt)
            if seconds <= 0 and not lane.has_picture and self._can_begin(attempt.selection.remaining[0]):
                return True
            await asyncio.wait({lane.task}, timeout=max(seconds, CHECK_SECONDS))
        return False

    def _seconds_until_due(self, attempt: Attempt) -> float:
        taken = attempt.lane.seconds
        return CHECK_SECONDS if taken is None else self._usual_seconds(attempt) - taken  # None: it waits for its slot

    def _usual_seconds(self, attempt: Attempt) -> float:
        """Return the p95 of an attempt's engine, or a rough idea of it before enough pictures."""
        name = attempt.engine.name
        usual, of_made = self._latencies.p95(name), self._latencies.p95_of_made(name)
        if usual is None or of_made is None or self._latencies.count(name) < ENOUGH_PICTURES:
            return attempt.engine.typical_seconds * UNKNOWN_SHARE
        return min(usual, of_made * LEARNT_SHARE)

    def _join(self, attempt: Attempt, hedge: Attempt, on_progress: OnProgress) -> None:
        """Let a hedge run beside the attempt, which still leads."""
        name, beside = attempt.engine.name, hedge.engine.name
        log.info("%s %s takes longer than usual, asking %s beside it", attempt.request.request_id, name, beside)
        attempt.lane.announce(f"{name} takes longer than usual; asking {beside} beside it.")
        hedge.lane.on_progress, hedge.lane.leads = on_progress, False
        attempt.lane.rival, hedge.lane.rival = hedge.lane, attempt.lane
        for one, other in ((attempt, hedge), (hedge, attempt)):
            one.lane.on_overtaken = partial(self._record_overtaken, one, other)

    def _record_overtaken(self, loser: Attempt, winner: Attempt) -> None:
        """Record that an attempt was overtaken; its engine is held to it only if it had had its usual time."""
        name, seconds = loser.engine.name, loser.lane.seconds or 0.0
        sentence = f"{name} took longer than usual, and {winner.engine.name} was first."
        loser.failed(TooSlow(sentence, loser.candidate.expected_seconds))
        had_enough = seconds >= self._usual_seconds(loser) and not loser.lane.has_picture
        log.info("%s %s was overtaken by %s after %.1f s", loser.request.request_id, name, winner.engine.name, seconds)
        if had_enough:
            self._latencies.add_overtaken(name, seconds)
            self._selector.breakers[name].record_failure(PhaseTimeout(sentence))

    def _can_begin(self, candidate: Candidate) -> bool:
        """Return whether a candidate can be attempted at once: a hedge takes no room in a queue."""
        try:
            self._selector.check(candidate)
        except EngineError:
            return False
        return not self._admission.must_wait(candidate.engine.slots)


def _is_free(attempt: Attempt) -> bool:
    """Return whether the next candidate costs nothing."""
    return bool(attempt.fallbacks) and attempt.fallbacks[0].price == 0


def _start(attempt: Attempt, run: Run[T]) -> "asyncio.Task[T | None]":
    attempt.lane.task = task = asyncio.create_task(run(attempt))
    return task


async def _first_result(running: "dict[asyncio.Task[T | None], Attempt]") -> T | None:
    """Return the first result; None if each attempt failed. When the one that leads has failed, the other one leads.

    Raises the error of one that neither failed nor was cancelled: its picture could not be kept.
    """
    pending, problem = set(running), None
    while pending:
        done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            if task.cancelled():
                continue
            if error := task.exception():
                problem = error
            elif (result := task.result()) is not None:
                return result
            for other in pending:
                _go_on(running[other], running[task])
    if problem:
        raise problem
    return None


def _go_on(attempt: Attempt, failed: Attempt) -> None:
    """Let an attempt lead when the one beside it has failed; cancel it if that one led, and its error is final."""
    if not failed.lane.leads:
        return
    if attempt.selection.is_final:
        failed.lane.overtake()
    else:
        attempt.lane.lead(f"{failed.engine.name} cannot make it now; waiting for {attempt.engine.name}.")


async def _end(tasks: "Collection[asyncio.Task[T | None]]") -> None:
    """Cancel what still runs, and wait for the end of all of it."""
    for task in tasks:
        if not task.cancelling():  # a second cancellation would cut short what the first began to clean up
            task.cancel()
    await asyncio.wait(tasks)
    for task in tasks:
        if not task.cancelled():
            task.exception()  # retrieved, lest asyncio log it
