"""A flight: one generation in flight, with its progress, its waiters and its end."""

import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError

from image_api.admission import Waiter
from image_api.errors import DeadlinePassed
from image_api.limits.payer import Charge
from image_api.outbound.abort import Abort
from render_worker.contract import GenerateResult, Progress
from render_worker.serving.deadline import Deadline

NOT_BEGUN = {"waking", "queued"}  # phases without work that a cancellation would lose
PICTURE_LATE = "The picture was not there in time."


class Flight:
    """One generation in flight. It outlives the client that started it. Thread-safe."""

    def __init__(
        self, name: str, key: str | None, deadline: Deadline, request_id: str = "", charge: Charge | None = None
    ) -> None:
        self.name = name
        """What all that wait for it learn, so it is no request's id: by that a request can be cancelled."""
        self.request_id = request_id
        """By which the render worker knows it."""
        self.key = key
        """The key under which identical requests join it, None if none may."""
        self.deadline = deadline
        self.charge = charge
        """What the client that started it was charged, None if nothing."""
        self.completed: Future[GenerateResult] = Future()
        self.completed.add_done_callback(lambda _: self.wake())
        self.abort = Abort()
        self.begun = False
        """Whether work was done for it that a cancellation would lose."""
        self.waiters: set[Waiter] = set()
        self.abandoned: AbandonedFlight | None = None
        """What holds its slot while no client waits for it."""
        self.coalesced = False
        """Whether another process generated the picture."""
        self.waits_elsewhere = False
        """Whether another process generates it."""
        self._cancelled = False
        self._recorded = False
        self._progress: list[Progress] = []
        self._previewed: int | None = None
        """Which progress has the newest preview, the only one that is kept."""
        self._changed = threading.Condition()

    @property
    def max_price(self) -> float | None:
        """Return what the picture may cost at most, in US dollars; None if it may cost anything."""
        return self.charge.max_price if self.charge else None

    def claim_record(self) -> bool:
        """Return True to the first caller, which is to record it for replay."""
        with self._changed:
            before, self._recorded = self._recorded, True
            return not before

    def result(self, deadline: Deadline) -> GenerateResult:
        """Wait for the result and return it. Raises DeadlinePassed if it is not there at the deadline."""
        try:
            return self.completed.result(deadline.remaining)
        except TimeoutError:
            raise DeadlinePassed(PICTURE_LATE) from None

    def report(self, progress: Progress) -> None:
        """Add a progress and wake the waiters."""
        with self._changed:
            self.begun |= not self._cancelled and progress.phase not in NOT_BEGUN
            if progress.preview:
                self._keep_newest_preview()
            self._progress.append(progress)
            self._changed.notify_all()

    def _keep_newest_preview(self) -> None:
        """Drop the preview before the one that comes now: a waiter that is slow misses it."""
        if self._previewed is not None:
            before = self._progress[self._previewed]
            self._progress[self._previewed] = before.model_copy(update={"preview": None})
        self._previewed = len(self._progress)

    def progress_after(self, index: int, seconds: float, waiter: Waiter) -> list[Progress]:
        """Return the progress after the first `index`, waiting up to `seconds`; empty on timeout or completion.

        Raises as Waiter.check.
        """
        with self._changed:
            self._changed.wait_for(
                lambda: len(self._progress) > index or self.completed.done() or waiter.is_over, seconds
            )
            waiter.check()
            return self._progress[index:]

    def cancel(self) -> bool:
        """Cancel it unless it has begun or is completed. Returns whether it is cancelled."""
        with self._changed:
            self._cancelled = not (self.begun or self.completed.done())
        if self._cancelled:
            self.abort.set()
        return self._cancelled

    def fail(self, error: BaseException) -> None:
        """Complete it with an error."""
        with contextlib.suppress(InvalidStateError):  # it is completed
            self.completed.set_exception(error)

    def complete(self, result: GenerateResult) -> None:
        """Complete it with a result."""
        with contextlib.suppress(InvalidStateError):  # it failed when the service was stopped
            self.completed.set_result(result)

    def wake(self) -> None:
        """Have all waiters check their state again."""
        with self._changed:
            self._changed.notify_all()


Make = Callable[[Flight], GenerateResult]
"""Generates the picture of a flight before its deadline, reporting progress to it. Raises an ApiError if it fails."""


class AbandonedFlight(Waiter):
    """The waiter of a flight without clients, to which one may come back."""

    def __init__(
        self, client: str | None, flight: Flight, on_evict: "Callable[[AbandonedFlight, Flight], None]"
    ) -> None:
        super().__init__(client, gone=lambda: True)
        self.work = self._flight = flight
        self._on_evict = on_evict

    def evict(self) -> None:
        super().evict()
        self._on_evict(self, self._flight)
