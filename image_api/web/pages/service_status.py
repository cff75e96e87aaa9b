"""The state of the service as people and badges are told it, from what the render worker said in the last minute.

Every field is named here, and none is passed on whole: reasons, memory, past errors and request ids are the operator's.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Self

from flask import g

from image_api.dispatch.queued.queue_state import CeleryWorker, QueueState
from image_api.dispatch.recent_contact import RecentContact
from image_api.dispatch.worker_client import WorkerClient
from image_api.services import services
from image_api.web.schemas.status import EngineStatus, QueueStatus, ServiceStatus, WorkerStatus
from render_worker.contract import ModelList, WorkerHealth

DOWN = "down"
UP = "ready"  # of an engine


class State(StrEnum):
    """Whether a picture could be made, the best first."""

    UP = "up"
    RESTING = "resting"  # the worker answers, and its engines are left alone for a while, or still start
    WAKING = "waking"
    ASLEEP = "asleep"  # nothing was heard of the worker for minutes: it may be up as well
    DOWN = "down"


BEST_FIRST = list(State)


@dataclass(frozen=True)
class _Worker:
    """The state of one that makes pictures, and what it said in the last minute."""

    state: State
    health: WorkerHealth | None
    models: ModelList | None
    age: float
    """Seconds since it told its health."""

    @classmethod
    def of(cls, client: WorkerClient) -> Self:
        """Return the state of a client's worker."""
        health, models = client.recent.reply(WorkerHealth), client.recent.reply(ModelList)
        return cls(_state(client, health), health, models, client.recent.age(WorkerHealth))

    @classmethod
    def of_celery(cls, worker: CeleryWorker) -> Self:
        """Return the state of a Celery worker."""
        report = worker.report
        if report is None:
            return cls(State.DOWN, None, None, worker.age)
        return cls(_state_by(report.health), report.health, report.models, worker.age)


def service_status() -> ServiceStatus:
    """Return the service's state. A worker that is surely awake is asked for it once a minute, and none is woken."""
    queue = services().queue_state()
    if not queue:
        services().worker.observe(g.client)
    clients = () if queue else services().worker.each
    workers = _celery_workers(queue) if queue else [_Worker.of(client) for client in clients]
    state = min((worker.state for worker in workers), key=BEST_FIRST.index, default=State.DOWN)
    healthy = [(worker.health, worker.age) for worker in workers if worker.health]
    engines = _engines_of(workers)
    known = services().worker.last_known
    return ServiceStatus(
        status=state,
        median_seconds=_median_seconds(engines),
        engines=list(engines.values()) if state in (State.UP, State.RESTING) else [],
        queue=_queue([health for health, _ in healthy], queue),
        up_since=min((_up_since(health, age) for health, age in healthy), default=None),
        expected_seconds=services().worker.expected_wake_seconds if state in (State.ASLEEP, State.WAKING) else None,
        last_contact=known.at if known else None,
        workers=[_numbered(*it) for it in zip(clients, workers, strict=True)] if len(clients) > 1 else None,
        simulated=_is_simulated([health for health, _ in healthy]) or services().settings.simulated or None,
    )


def worker_states() -> list[WorkerStatus]:
    """Return each render worker's state, as it is known. None is asked.

    One that was lost does not sleep, and one that is down is not waking, though it is probed again and again.
    """
    return [_numbered(client, _down_if_lost(client, _Worker.of(client))) for client in services().worker.each]


def state_of(worker: CeleryWorker) -> State:
    """Return the state of a Celery worker."""
    return _state_by(worker.report.health) if worker.report else State.DOWN


def _celery_workers(queue: QueueState) -> list[_Worker]:
    return [_Worker.of_celery(worker) for worker in queue.workers or ()]


def _down_if_lost(client: WorkerClient, worker: _Worker) -> _Worker:
    recent = client.recent
    is_down = recent.is_down or (recent.is_lost and worker.state == State.ASLEEP)
    return replace(worker, state=State.DOWN) if is_down else worker


def _numbered(client: WorkerClient, worker: _Worker) -> WorkerStatus:
    known = client.last_known
    return WorkerStatus(number=client.number, status=worker.state, last_contact=known.at if known else None)


def _queue(healths: list[WorkerHealth], carried: QueueState | None) -> QueueStatus | None:
    """Return the sums of the workers' own queues, and of the one that carries messages to Celery workers."""
    if not healths:
        return None
    queues = [health.queue for health in healths]
    waiting = sum(it.waiting for it in queues) + (carried.waiting if carried else 0)
    return QueueStatus(running=sum(it.running for it in queues), waiting=waiting)


def _is_simulated(healths: list[WorkerHealth]) -> bool:
    return bool(healths) and all(health.simulated for health in healths)


def _up_since(health: WorkerHealth, age: float) -> str:
    return (datetime.now(UTC) - timedelta(seconds=health.uptime_seconds + age)).isoformat(timespec="seconds")


def _state(worker: WorkerClient, health: WorkerHealth | None) -> State:
    if not worker.configured:
        return State.DOWN
    if worker.cold_start.in_progress:
        return State.WAKING
    if worker.recent.reached is None:
        return _silent_state(worker.recent)
    if not worker.recent.reached:
        return State.DOWN
    return State.UP if health is None else _state_by(health)


def _state_by(health: WorkerHealth) -> State:
    """Return the state of a worker that answers."""
    if health.ready:
        return State.UP
    states = {engine.state for engine in health.engines.values()}
    return State.DOWN if states <= {DOWN} else State.RESTING


def _silent_state(recent: RecentContact) -> State:
    """Return the state of a worker that said nothing for a minute."""
    if recent.is_awake:
        return State.DOWN  # it was just asked, and did not answer
    return State.WAKING if recent.is_awaited else State.ASLEEP


def _engines_of(workers: list[_Worker]) -> dict[str, EngineStatus]:
    """Return the engines of all workers; of one that several have, the state of the best."""
    engines: dict[str, EngineStatus] = {}
    for worker in workers:
        for name, engine in _engines(worker.health, worker.models).items():
            if engines.setdefault(name, engine).status != UP and engine.status == UP:
                engines[name] = engine
    return engines


def _engines(health: WorkerHealth | None, models: ModelList | None) -> dict[str, EngineStatus]:
    """Return the engines by their names, in the order in which they are asked."""
    engines = {
        name: EngineStatus(
            name=name,
            status=engine.state,
            median_seconds=engine.median_seconds,
            p90_seconds=engine.p90_seconds,
            simulated=engine.simulated,
        )
        for name, engine in (health.engines if health else {}).items()
    }
    for model in models.models if models else ():
        name = model.engine or model.name
        known = engines.setdefault(name, EngineStatus(name=name, status=model.state, simulated=model.simulated))
        known.success_rate = model.success_rate if known.success_rate is None else known.success_rate
        known.median_seconds = known.median_seconds or model.p50_seconds
        known.p90_seconds = known.p90_seconds or model.p90_seconds
    return engines


def _median_seconds(engines: dict[str, EngineStatus]) -> float | None:
    """Return what a picture is likely to take: the median of the first engine that is ready, else of what this process
    has seen.
    """
    ready = (engine.median_seconds for engine in engines.values() if engine.status == UP)
    return next((seconds for seconds in ready if seconds), services().generation.records.median_seconds)
