"""The state of the queue and of its Celery workers, as responses tell it; it loads no library of a queue."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from render_worker.contract import CeleryWorkerReport

RedisStatus = Literal["up", "refuses_writes", "down"]
BrokerStatus = Literal["up", "down"]
REDIS_PROBLEMS = {"down": "Redis does not answer", "refuses_writes": "Redis refuses writes"}
BROKER_DOWN = "The broker of the queue does not answer"
LOCAL = "local"  # the storage whose pictures have no address of their own


@dataclass(frozen=True)
class CeleryWorker:
    """A Celery worker, as it last reported."""

    name: str
    age: float
    """Seconds since its last report, by Redis's clock."""
    report: CeleryWorkerReport | None
    """None if it is of another version, or silent."""
    is_silent: bool
    """Whether it has ended without a goodbye, or is cut off from Redis."""


@dataclass(frozen=True)
class QueueState:
    """The state of the queue, as far as it could be read."""

    redis: RedisStatus
    lengths: Mapping[str, int] | None
    """Of the messages in each queue; None if the broker does not answer."""
    workers: list[CeleryWorker] | None
    """None if Redis does not answer."""

    @property
    def broker(self) -> BrokerStatus:
        """Return the state of the queue's broker."""
        return "down" if self.lengths is None else "up"

    @property
    def problem(self) -> str | None:
        """Return what keeps all messages from being sent; None if nothing does."""
        return REDIS_PROBLEMS.get(self.redis) or (BROKER_DOWN if self.broker == "down" else None)

    @property
    def waiting(self) -> int:
        """Return how many messages no Celery worker has taken, as far as that is known."""
        return sum((self.lengths or {}).values())

    @property
    def live(self) -> list[CeleryWorkerReport]:
        """Return the reports of the Celery workers that are up."""
        return [worker.report for worker in self.workers or () if worker.report]

    def live_in(self, queue: str) -> int:
        """Return how many of the Celery workers that are up take a queue's messages."""
        return sum(queue in report.queues for report in self.live)


def keep_in_a_folder(reports: Iterable[CeleryWorkerReport]) -> bool:
    """Return whether a Celery worker keeps pictures in a folder, which a render worker has to serve."""
    return any(report.health.storage == LOCAL for report in reports)
