"""Single-flight with a short TTL: a read of the worker that many clients share for a few seconds, error or not."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

from image_api.errors import ApiError, Relayed, WorkerUnavailable
from image_api.outbound.abort import Abort
from render_worker.serving.deadline import Deadline

READ_TTL_SECONDS = 3.0
WAIT_SECONDS = 60.0  # for another request's read, which has limits of its own
NO_RESPONSE = "The render worker does not answer."

T = TypeVar("T")


class CoalescedRead(Generic[T]):
    """Coalesces identical reads, and caches the result or error for READ_TTL_SECONDS.

    Thread-safe; no lock is held while a read is in flight.
    """

    def __init__(self, read: Callable[[], T]) -> None:
        self._read = read
        self._lock = threading.Lock()
        self._latest: Future[T | ApiError] | None = None
        self._fresh = Deadline.after(0)

    def get(self, abort: Abort) -> T:
        """Return what the read returned, now or within the TTL.

        Raises the ApiError that the read raised, and ServiceBusy if `abort` is set meanwhile.
        """
        with self._lock:
            read = self._latest
            first = read is None or (read.done() and self._fresh.expired)
            if first or read is None:
                read = self._latest = Future()
        if first:
            self._run_read(read)
        abort.wait(read, WAIT_SECONDS)
        if not read.done():
            raise WorkerUnavailable(NO_RESPONSE)
        result = read.result()
        if isinstance(result, ApiError):
            raise Relayed(result.body(), result.status)  # a new one: a shared one would grow with each traceback
        return result

    def expire(self) -> None:
        """Have the next client read anew, as what was read before holds no longer."""
        with self._lock:
            self._latest = None

    def _run_read(self, read: "Future[T | ApiError]") -> None:
        result: T | ApiError
        try:
            result = self._read()
        except ApiError as error:
            result = error.with_traceback(None)
        except BaseException:  # a fault, or this greenlet's end, is not the other clients'
            read.set_result(WorkerUnavailable(NO_RESPONSE))
            raise
        self._fresh = Deadline.after(READ_TTL_SECONDS)
        read.set_result(result)
