"""The health of the queue that carries jobs to Celery workers, as the jobs' /health tells it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from image_api.dispatch.queued.queue_state import CeleryWorker, QueueState, keep_in_a_folder
from image_api.outbound.bounds import printable
from image_api.services import services
from image_api.web.disclosure import is_operator
from image_api.web.pages.service_status import State, state_of
from image_api.web.schemas.job_health import BrokerHealth, CeleryWorkerStatus, QueueLength, RedisHealth

WAITING = "{problem}: jobs are accepted, and wait until that is over."
NONE_UP = "No Celery worker is up: jobs are accepted, and wait for one."
UNSERVED = "Celery workers keep pictures in a folder, and PERCHANCE_WORKER_URL names no render worker that serves it."
UNREAD = "The reports of the Celery workers cannot be read: whether one is up is not known."
UNTAKEN = "No Celery worker takes the queue {name}, in which {messages}."
UNKNOWN = "unknown"
PROBLEMS = {
    State.DOWN: ("Celery worker {which} of {all} is down.", "{count} of {all} Celery workers are down."),
    UNKNOWN: (
        "Celery worker {which} of {all} is of another version: its report cannot be read.",
        "{count} of {all} Celery workers are of another version: their reports cannot be read.",
    ),
}
"""Of one Celery worker, and of several."""
MAX_NAME = 100


def queue_parts(queue: QueueState | None) -> dict[str, Any]:
    """Return the fields of JobsHealth that tell of the queue; none if there is none."""
    if queue is None:
        return {}
    named = is_operator()
    return {
        "redis": RedisHealth(status=queue.redis),
        "broker": BrokerHealth(status=queue.broker),
        "queues": None if queue.lengths is None else [_length(queue, name) for name in sorted(queue.lengths)],
        "celery_workers": None
        if queue.workers is None
        else [_status(number, worker, named=named) for number, worker in enumerate(queue.workers, 1)],
    }


def problems_of_queue(queue: QueueState | None) -> list[str]:
    """Return a sentence for each thing that keeps jobs of the queue waiting, or their pictures from being seen."""
    if queue is None:
        return []
    waiting = WAITING.format(problem=queue.problem) if queue.problem else None
    unserved = UNSERVED if keep_in_a_folder(queue.live) and not services().settings.worker_urls else None
    found = [waiting, *_problems_of_workers(queue), *_untaken(queue), unserved]
    return [sentence for sentence in found if sentence]


def _problems_of_workers(queue: QueueState) -> Iterator[str]:
    if queue.workers is None:
        if queue.redis == "up":
            yield UNREAD
        return
    if all(worker.is_silent for worker in queue.workers):
        yield NONE_UP
        return
    for status, (of_one, of_several) in PROBLEMS.items():
        numbers = [number for number, worker in enumerate(queue.workers, 1) if _state(worker) == status]
        if numbers:
            sentence = of_one if len(numbers) == 1 else of_several
            yield sentence.format(which=numbers[0], count=len(numbers), all=len(queue.workers))


def _untaken(queue: QueueState) -> Iterator[str]:
    """Yield a sentence for each queue whose messages wait for a Celery worker that there is not."""
    for name, length in sorted((queue.lengths or {}).items()):
        if length and queue.live and not queue.live_in(name):
            messages = "1 message waits" if length == 1 else f"{length} messages wait"
            yield UNTAKEN.format(name=printable(name, MAX_NAME), messages=messages)


def _length(queue: QueueState, name: str) -> QueueLength:
    return QueueLength(name=name, length=(queue.lengths or {})[name], workers=queue.live_in(name))


def _state(worker: CeleryWorker) -> str:
    return UNKNOWN if worker.report is None and not worker.is_silent else state_of(worker)


def _status(number: int, worker: CeleryWorker, *, named: bool) -> CeleryWorkerStatus:
    at = datetime.now(UTC) - timedelta(seconds=worker.age)
    known: dict[str, Any] = {}
    if report := worker.report:
        engines = {name: engine.state for name, engine in report.health.engines.items()}
        known = {"queues": report.queues, "concurrency": report.concurrency, "running": report.running}
        known["engines"] = engines
    name = worker.name if named else None
    last_report = at.isoformat(timespec="seconds")
    return CeleryWorkerStatus(number=number, name=name, status=_state(worker), last_report=last_report, **known)
