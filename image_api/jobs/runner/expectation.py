"""When jobs are expected to be completed: by what the engines say, or else by how long recent jobs took."""

import math
import statistics
from collections import deque

RECENT = 20


class RecentJobs:
    """How long the attempts took that this process has completed of late. Thread-safe."""

    def __init__(self) -> None:
        self._seconds: deque[float] = deque(maxlen=RECENT)

    def add(self, seconds: float) -> None:
        """Add the duration of an attempt that completed its job."""
        self._seconds.append(seconds)

    def seconds_of_pending(self, position: int, concurrency: int) -> int | None:
        """Return in how many seconds the job at this place in the queue should be completed; None if it is unknown.

        `concurrency` is how many jobs run at a time.
        """
        turns = math.ceil(position / concurrency)
        return math.ceil(turns * statistics.median(self._seconds)) if self._seconds else None

    def seconds_of_running(self, elapsed: float) -> int | None:
        """Return in how many seconds a job should be completed that runs for so long; None if it is unknown."""
        left = statistics.median(self._seconds) - elapsed if self._seconds else 0
        return math.ceil(left) if left > 0 else None
