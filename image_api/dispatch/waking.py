"""A render worker that sleeps: asking again until it is awake, and telling how long that is likely to take.

A free plan stops a worker that nobody asks for a while, and starts it at the next request. Until it is up its address
refuses connections, holds them, or answers with pages of the platform's own.
"""

import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Generic, TypeVar

from image_api.errors import WorkerUnavailable

TYPICAL_SECONDS = 60.0  # "about one minute" (render.com/docs/free), until a waking has been measured
AWAKE_SECONDS = 2.0  # a worker that answers within this was awake already
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 5.0

T = TypeVar("T")
K = TypeVar("K")


class Asleep(WorkerUnavailable):
    """Nobody answered in the worker's place, or only what stands before it: it may be starting."""


class Waking(Generic[K]):
    """The patience with a sleeping worker, and what is known of its sleep. Thread-safe.

    `knock` asks the worker for no more than a sign of life, once, raising Asleep where there is none.
    """

    def __init__(self, seconds: float, knock: Callable[[], K]) -> None:
        self._seconds = seconds
        self._knock = knock
        self._typical = TYPICAL_SECONDS
        self._since: float | None = None
        self._knocking: Future[K] | None = None
        self._lock = threading.Lock()
        self._stopping = threading.Event()

    @property
    def expected_seconds(self) -> int:
        """How long it is likely to take until the worker is awake; 1 where that should have been by now."""
        since = self._since
        waited = time.monotonic() - since if since is not None else 0.0
        return max(1, round(self._typical - waited))

    def until_awake(self, attempt: Callable[[], T], end: float) -> T:
        """The result of the first attempt that finds the worker awake.

        `end`, a moment of the monotonic clock, and WORKER_WAKE_SECONDS from the first attempt that found it asleep
        are the limits; behind them: WorkerUnavailable.
        """
        first: float | None = None
        for pause in _pauses():
            try:
                result = attempt()
            except Asleep as error:
                now = time.monotonic()
                first = first or now
                self._since = self._since or first
                if now + pause > min(end, first + self._seconds) or self._stopping.wait(pause):
                    self._since = None
                    raise WorkerUnavailable(_in_vain(error, now - first)) from error
            else:
                self._since = None
                return result
        raise AssertionError("there is always another pause")

    def wake(self, seconds: float) -> K | None:
        """Go on knocking in the background until the worker is awake; its sign of life, if it comes within `seconds`.

        WorkerUnavailable where it is known by then that it cannot be woken.
        """
        with self._lock:
            if self._knocking is None or self._knocking.done():
                self._knocking = Future()
                self._since = self._since or time.monotonic()
                threading.Thread(target=self._go_on, args=(self._knocking,), name="knocking", daemon=True).start()
            knocking = self._knocking
        try:
            return knocking.result(seconds)
        except TimeoutError:
            return None

    def stop(self) -> None:
        """End all patience: this service is being stopped."""
        self._stopping.set()

    def _go_on(self, knocking: "Future[K]") -> None:
        begun = time.monotonic()
        try:
            sign = self.until_awake(self._knock, begun + self._seconds)
        except Exception as error:  # noqa: BLE001 - it belongs to whoever waits for the sign
            knocking.set_exception(error)
            return
        took = time.monotonic() - begun
        if took > AWAKE_SECONDS:
            self._typical = took
        knocking.set_result(sign)


def _in_vain(error: Asleep, seconds: float) -> str:
    return f"{error} Asking again for {seconds:.0f} seconds did not help." if seconds >= 1 else str(error)


def _pauses() -> Iterator[float]:
    """Longer and longer, and never the same for two callers, so that not all of them come back at once."""
    longest = FIRST_PAUSE_SECONDS
    while True:
        yield longest * random.uniform(0.5, 1)  # noqa: S311 - no secret
        longest = min(LONGEST_PAUSE_SECONDS, longest * 2)
