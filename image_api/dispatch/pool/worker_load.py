"""How busy a render worker is, for the choice among several."""

import threading

from render_worker.contract import WorkerHealth
from render_worker.serving.deadline import Deadline

SAID_SECONDS = 10.0  # for which its word counts
REFUSAL_SECONDS = 1.0  # for which a worker that refused a request as busy counts as full
MAX_OTHERS = 20_000  # a larger number is none that a worker has


class WorkerLoad:
    """What this process has in flight at a worker, and what others have by its last word. Thread-safe."""

    def __init__(self) -> None:
        self.in_flight = 0
        self._others = 0
        self._full_from: int | None = None
        self._valid = self._refused = Deadline.after(0)
        self._lock = threading.Lock()

    def pressure(self, slots: int | None) -> float:
        """Return the requests there for each of so many slots, if it gets one more."""
        return (self._others_now + self.in_flight + 1) / (slots or 1)

    def is_full(self, slots: int | None) -> bool:
        """Return whether the next request would have to wait for one of so many slots, or be refused."""
        if not self._refused.expired:
            return True
        if not self._valid.expired and self._full_from is not None and self.in_flight >= self._full_from:
            return True  # it said so, and none of ours has ended since
        return slots is not None and self._others_now + self.in_flight >= slots

    @property
    def _others_now(self) -> int:
        return 0 if self._valid.expired else self._others

    def reserve(self) -> None:
        """Count a request that is about to be sent."""
        with self._lock:
            self.in_flight += 1

    def release(self) -> None:
        """Count a request no more."""
        with self._lock:
            self.in_flight -= 1

    def note(self, health: WorkerHealth, ours: int) -> None:
        """Take note of what the worker says, of whose requests `ours` were this process's when it was asked."""
        queue = health.queue
        self._others = max(0, min(MAX_OTHERS, queue.running + queue.waiting) - max(ours, self.in_flight))
        self._full_from = ours if health.status == "busy" or queue.waiting > 0 else None
        self._valid = Deadline.after(SAID_SECONDS)

    def note_refusal(self) -> None:
        """Take note that the worker refused a request because it is busy."""
        self._refused = Deadline.after(REFUSAL_SECONDS)
