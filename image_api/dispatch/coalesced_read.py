"""Single-flight with a short TTL: a read of the worker that many clients share for a few seconds, error or not."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

from image_api.errors import ApiError, Relayed, WorkerUnavailable
from image_api.outbound.abort import Abort
from render_worker.serving.deadline import Deadline

KEPT_SECONDS = 3.0  # the TTL
WAIT_SECONDS = 60.0  # for another request's read, which has limits of its own
SILENT = "The render worker does not answer."

T = TypeVar("T")


class CoalescedRead(Generic[T]):
    """Coalesces identical reads, and caches the outcome for KEPT_SECONDS.

    Thread-safe; no lock is held while a read is in flight.
    """

    def __init__(self, read: Callable[[], T]) -> None:
        self._read = read
        self._lock = threading.Lock()
        self._outcome: Future[T | ApiError] | None = None
        self._fresh = Deadline.after(0)

    def get(self, abort: Abort) -> T:
        """Return what the read returned, now or within the TTL.

        Raises the ApiError that the read raised, and ServiceBusy if `abort` is set meanwhile.
        """
        with self._lock:
            outcome = self._outcome
            first = outcome is None or (outcome.done() and self._fresh.expired)
            if first or outcome is None:
                outcome = self._outcome = Future()
        if first:
            self._run(outcome)
        abort.wait(outcome, WAIT_SECONDS)
        if not outcome.done():
            raise WorkerUnavailable(SILENT)
        found = outcome.result()
        if isinstance(found, ApiError):
            raise Relayed(found.body(), found.status)  # a new one: a shared one would grow with each traceback
        return found

    def _run(self, outcome: "Future[T | ApiError]") -> None:
        found: T | ApiError
        try:
            found = self._read()
        except ApiError as error:
            found = error.with_traceback(None)
        except BaseException:  # a fault, or this greenlet's end, is not the other clients'
            outcome.set_result(WorkerUnavailable(SILENT))
            raise
        self._fresh = Deadline.after(KEPT_SECONDS)
        outcome.set_result(found)
