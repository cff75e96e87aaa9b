"""A render worker that sleeps: one knocking for all who wait, and how long a waking is likely to take.

A free plan stops a worker that nobody asks for a while, and starts it at the next request. Until it is up its address
refuses connections, holds them, or answers with pages of the platform's own; asked too often, it even stays asleep.
"""

import contextlib
import logging
import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, InvalidStateError
from contextlib import contextmanager
from typing import TypeVar

from image_api.admission import Admission, Waiter
from image_api.errors import DeadlinePassed, ServiceBusy, WorkerUnavailable
from image_api.outbound.abort import Abort
from render_worker.contract import Progress, WorkerHealth

TYPICAL_SECONDS = 60.0  # "about one minute" (render.com/docs/free), until a waking has been measured
AWAKE_SECONDS = 2.0  # a worker that answers within this was awake already
HOLD_SECONDS = 60.0  # an edge may hold a knock until the worker is up
FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 10.0
KEPT_SECONDS = 3.0  # for which a sign of life is shared by all who want to know
REMEMBERED_SECONDS = 30.0  # as long as a caller who is refused is asked to wait
CROWDED = "Too many clients wait for the render worker already."

log = logging.getLogger(__name__)
T = TypeVar("T")
Report = Callable[[Progress], None]


class WorkerStarting(WorkerUnavailable):
    """Nobody answered in the worker's place, or only what stands before it: it may be starting."""

    def __init__(self, sentence: str, pause: float = 0.0) -> None:
        super().__init__(sentence)
        self.pause = pause
        """Seconds for which the edge wants to be left alone."""


class ColdStart:
    """The patience with a sleeping worker. Thread-safe.

    `knock` asks the worker once for a sign of life, with a limit in seconds, and raises Asleep where there is none.
    """

    def __init__(self, seconds: float, most_waiting: int, knock: Callable[[float], WorkerHealth]) -> None:
        self._seconds = seconds
        self._knock = knock
        self._admission = Admission(most_waiting)
        self._lock = threading.Lock()
        self._under_way: Future[WorkerHealth] | None = None
        self._begun = 0.0
        self._last_seconds = TYPICAL_SECONDS
        self._problem = "The render worker does not answer."
        self._failed: tuple[float, str] | None = None
        self._awake: tuple[float, WorkerHealth] | None = None
        self._stopped: Future[None] = Future()

    @property
    def expected_seconds(self) -> int:
        """How long it is likely to take until the worker is awake; 1 where that should have been by now."""
        waited = time.monotonic() - self._begun if self._is_under_way() else 0.0
        return max(1, round(self._last_seconds - waited))

    @contextmanager
    def reading(self, client: str | None) -> Iterator[Abort]:
        """Hold a slot for a request that is no generation; such have their own, lest they fill all connections.

        Raises WorkerUnavailable if there is none, or if it is needed for another client.
        """
        abort = Abort()
        waiter = _Read(client, abort)
        try:
            self._admission.admit(waiter)
            yield abort
        except ServiceBusy:
            raise WorkerUnavailable(CROWDED) from None
        finally:
            self._admission.release(waiter)

    def once_awake(
        self,
        attempt: Callable[[], T],
        deadline: float,
        report: Report = lambda _: None,
        abort: Abort | None = None,
    ) -> T:
        """The result of the first attempt that finds the worker awake; WorkerUnavailable where none does.

        Between attempts the waking that all callers share is waited for: until `deadline`, a moment of the monotonic
        clock, and for WORKER_WAKE_SECONDS at most. While one is under way, the first attempt waits for it too.
        `report` hears how long that is likely to take. Raises TooMany if `abort` is set meanwhile.
        """
        end: float | None = None
        abort = abort or Abort()
        if self._is_under_way():
            end = self._wait_until(min(deadline, time.monotonic() + self._seconds), report, abort)
        pause = 0.0
        while True:
            try:
                with abort.over_connections():
                    return attempt()
            except WorkerStarting as error:
                self._awake = None
                abort.check()
                now = time.monotonic()
                if end is None:
                    end = min(deadline, now + self._seconds)
                if now + pause >= end or self._is_stopped_within(pause, abort):
                    raise WorkerUnavailable(str(error)) from error
                self._wait_until(end, report, abort)
                pause = _longer(pause)  # whoever stands before the worker may still keep attempts from it

    def wake(self, seconds: float, abort: Abort) -> WorkerHealth | None:
        """Wake the worker up in the background; its sign of life, if it comes within `seconds`.

        Raises WorkerUnavailable if this waking, or one that ended a moment ago, was in vain, and TooMany at an abort.
        """
        if self._failed and time.monotonic() < self._failed[0] + REMEMBERED_SECONDS and not self._is_under_way():
            raise WorkerUnavailable(self._failed[1])
        if (awake := self._awake) and time.monotonic() < awake[0] + KEPT_SECONDS:
            return awake[1]
        under_way = self._begin()
        abort.wait(under_way, seconds)
        return under_way.result() if under_way.done() else None

    def stop(self) -> None:
        """End all patience: this service is being stopped."""
        with contextlib.suppress(InvalidStateError):  # it was stopped before
            self._stopped.set_result(None)

    def _is_under_way(self) -> bool:
        return self._under_way is not None and not self._under_way.done()

    def _is_stopped_within(self, seconds: float, abort: Abort) -> bool:
        abort.wait(self._stopped, seconds)
        return self._stopped.done()

    def _wait_until(self, end: float, report: Report, abort: Abort) -> float:
        """Wait for the shared waking until some moment of the monotonic clock, which is returned."""
        begun = time.monotonic()
        under_way = self._begin()
        expected = self.expected_seconds
        sentence = f"The render worker is being woken up, which is likely to take {expected} seconds."
        report(Progress(phase="waking", message=sentence, expected_seconds=expected))
        abort.wait(under_way, end - begun)
        if not under_way.done():
            raise WorkerUnavailable(_in_vain(self._problem, end - begun))
        under_way.result()
        return end

    def _begin(self) -> "Future[WorkerHealth]":
        with self._lock:
            if self._under_way is None or self._under_way.done():
                under_way: Future[WorkerHealth] = Future()
                threading.Thread(target=self._go_on, args=(under_way,), name="waking", daemon=True).start()
                self._begun, self._under_way = time.monotonic(), under_way
            return self._under_way

    def _go_on(self, under_way: "Future[WorkerHealth]") -> None:
        begun = time.monotonic()
        try:
            health = self._knock_until_awake(begun + self._seconds)
        except Exception as error:  # noqa: BLE001 - it belongs to whoever waits
            log.warning("the render worker could not be woken up: %s", error)
            self._failed = time.monotonic(), str(error)
            under_way.set_exception(error)
            return
        took = time.monotonic() - begun
        if took > AWAKE_SECONDS:
            log.info("the render worker is awake after %.0f seconds", took)
            self._last_seconds = took
        self._failed = None
        self._awake = time.monotonic(), health
        under_way.set_result(health)

    def _knock_until_awake(self, end: float) -> WorkerHealth:
        begun = time.monotonic()
        pause = 0.0
        while True:
            try:
                return self._knock(min(HOLD_SECONDS, max(1.0, end - time.monotonic())))
            except WorkerStarting as error:
                self._problem = str(error)
                if pause == 0:
                    log.info("the render worker seems asleep, asking for up to %g seconds: %s", self._seconds, error)
                pause = _longer(pause)
                left = end - time.monotonic()
                if left <= 0 or self._is_stopped_within(min(left, max(pause, error.pause)), Abort()):
                    raise WorkerUnavailable(_in_vain(self._problem, time.monotonic() - begun)) from error


class _Read(Waiter):
    """A request for what the worker can tell, which waits for it to be awake."""

    def __init__(self, client: str | None, abort: Abort) -> None:
        super().__init__(client)
        self._abort = abort

    def evict(self) -> None:
        super().evict()
        self._abort.set()


def at_once(attempt: Callable[[], T]) -> T:
    """An attempt at what a worker answers without any work: where it does not, an edge holds the request back."""
    try:
        return attempt()
    except DeadlinePassed as error:
        raise WorkerStarting(str(error)) from error


def _longer(pause: float) -> float:
    return min(LONGEST_PAUSE_SECONDS, max(FIRST_PAUSE_SECONDS, 2 * pause)) * random.uniform(0.8, 1)  # noqa: S311


def _in_vain(problem: str, seconds: float) -> str:
    return f"{problem} Asking again for {seconds:.0f} seconds did not help." if seconds >= 1 else problem
