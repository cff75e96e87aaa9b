"""Whether the queue carries jobs: what checks of Redis and of its broker show, within a moment also while one hangs."""

import contextlib
from collections.abc import Iterable, Mapping
from typing import Protocol, TypeVar

from redis import Redis, ResponseError

from image_api.dispatch.queued.failures import QueueUnavailable
from image_api.dispatch.queued.queue_state import QueueState, RedisStatus
from image_api.dispatch.queued.worker_reports import WorkerReports
from image_api.errors import ApiError
from image_api.shared_check import Checked, SharedCheck
from render_worker.contract import AUTO_QUEUE

T = TypeVar("T")

PROBE = "img_queue:probe"
PROBE_MILLISECONDS = 1000


class Broker(Protocol):
    """What carries the messages."""

    def lengths(self, queues: Iterable[str]) -> Mapping[str, int]:
        """Return how many messages wait in each queue."""


class QueueHealth:
    """Checks the queue for all clients together. Thread-safe."""

    def __init__(self, redis: Redis, reports: WorkerReports, broker: Broker) -> None:
        self._redis = redis
        self._reports = reports
        self._broker = broker
        self._writes = SharedCheck(self._write)
        self._read = SharedCheck(reports.all)
        self._lengths = SharedCheck(self._count)
        self._queues = {AUTO_QUEUE}

    def state(self) -> QueueState:
        """Return what the checks show within a moment, side by side."""
        for check in (self._writes, self._read, self._lengths):
            check.begin()
        return QueueState(_shown(self._writes) or "down", _shown(self._lengths), _shown(self._read))

    def require(self) -> None:
        """Raise QueueUnavailable if no message can be sent now; not if the first checks have yet to end."""
        problem = self.state().problem
        if problem and Checked() not in (self._writes.last, self._lengths.last):
            raise QueueUnavailable(f"{problem}.")

    def _write(self) -> RedisStatus:
        """Write what leaves nothing. A Redis that is full, a replica, or cannot save may still answer reads."""
        try:
            self._redis.set(PROBE, 1, px=PROBE_MILLISECONDS)
        except ResponseError:
            return "refuses_writes"
        return "up"

    def _count(self) -> Mapping[str, int]:
        """Return the length of each queue that a Celery worker has taken messages from, as far as that is known."""
        if not self._reports.read_at:
            with contextlib.suppress(ApiError):
                self._reports.all()
        self._queues.update(queue for report in self._reports.last_live for queue in report.queues)
        return self._broker.lengths(sorted(self._queues))


def _shown(check: SharedCheck[T]) -> T | None:
    """Return what a check shows; if it is late, as on a busy host, or with a thousand Celery workers, the last one."""
    found = check.result()
    return check.last.value if found == Checked() else found.value
