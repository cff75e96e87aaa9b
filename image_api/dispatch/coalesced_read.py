"""An answer that is asked for once and shared for some seconds, whether it is good or bad."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

from image_api.errors import ApiError, Relayed, WorkerUnavailable
from image_api.outbound.abort import Abort

KEPT_SECONDS = 3.0
WAIT_SECONDS = 60.0  # for another request's question, which has limits of its own
SILENT = "The render worker does not answer."

T = TypeVar("T")


class CoalescedRead(Generic[T]):
    """Single-flight with a memory: what many ask for at the same time, and again and again, is asked for once.

    Thread-safe; no lock is held while the question is under way.
    """

    def __init__(self, ask: Callable[[], T]) -> None:
        self._ask = ask
        self._lock = threading.Lock()
        self._answer: Future[T | ApiError] | None = None
        self._good_until = 0.0

    def get(self, abort: Abort) -> T:
        """Return the answer of now or of some seconds ago; raise the ApiError if that was one, TooMany at an abort."""
        with self._lock:
            answer = self._answer
            mine = answer is None or (answer.done() and time.monotonic() >= self._good_until)
            if mine or answer is None:
                answer = self._answer = Future()
        if mine:
            self._fill(answer)
        abort.wait(answer, WAIT_SECONDS)
        if not answer.done():
            raise WorkerUnavailable(SILENT)
        found = answer.result()
        if isinstance(found, ApiError):
            raise Relayed(found.body(), found.status)  # of its own: a shared one would grow with each traceback
        return found

    def _fill(self, answer: "Future[T | ApiError]") -> None:
        found: T | ApiError
        try:
            found = self._ask()
        except ApiError as error:
            found = error.with_traceback(None)
        except BaseException:  # a fault, or this greenlet's end, is not the others'
            answer.set_result(WorkerUnavailable(SILENT))
            raise
        self._good_until = time.monotonic() + KEPT_SECONDS
        answer.set_result(found)
