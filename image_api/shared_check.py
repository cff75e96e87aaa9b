"""A check that many clients share: one at a time, and none of them waits for it longer than a moment."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from dataclasses import dataclass
from typing import Generic, TypeVar

from render_worker.serving.deadline import Deadline

WAIT_SECONDS = 2.0  # after its beginning, for all that wait for it together
FRESH_SECONDS = 1.0  # for which its result is that of further clients

T = TypeVar("T")


@dataclass(frozen=True)
class Checked(Generic[T]):
    """What a check has shown: neither a value nor an error if it is late."""

    value: T | None = None
    error: Exception | None = None


class SharedCheck(Generic[T]):
    """Runs a check in the background, at most once at a time, however long it hangs. Thread-safe."""

    def __init__(self, check: Callable[[], T]) -> None:
        self._check = check
        self._lock = threading.Lock()
        self._latest: Future[Checked[T]] = Future()
        self._fresh = self._late = Deadline.after(0)
        self._begun = False
        self.last: Checked[T] = Checked()
        """What the last check has shown that has ended."""

    def begin(self) -> None:
        """Begin a check, unless one is in flight, or has just ended."""
        with self._lock:
            if self._begun and not (self._latest.done() and self._fresh.expired):
                return
            self._begun = True
            self._latest, self._late = Future(), Deadline.after(WAIT_SECONDS)
            threading.Thread(target=self._run, args=(self._latest,), name="check", daemon=True).start()

    def result(self) -> Checked[T]:
        """Return what the check has shown that is in flight, or has just ended."""
        latest = self._latest
        wait([latest], self._late.remaining)
        return latest.result() if latest.done() else Checked()

    def _run(self, done: Future[Checked[T]]) -> None:
        try:
            self.last = Checked(self._check())
        except Exception as error:  # noqa: BLE001 - it is the result
            self.last = Checked(error=error)
        self._fresh = Deadline.after(FRESH_SECONDS)
        done.set_result(self.last)
