"""The health of jobs: their database, and what makes their pictures."""

import time

from flask import Response

from image_api.database_url import engine_url, sqlite_file
from image_api.jobs.database.database_health import DatabaseState
from image_api.jobs.database.durability import loss_hint
from image_api.services import services
from image_api.web.jobs.queue_health import problems_of_queue, queue_parts
from image_api.web.pages.service_status import State, worker_states
from image_api.web.responses import json_response
from image_api.web.schemas.job_health import DatabaseHealth, JobQueueHealth, JobsHealth
from image_api.web.schemas.status import WorkerStatus

DOWN = "The database of the jobs cannot be used: none can be accepted."
LOCKED = "The database of the jobs is locked by another process: they are accepted once it is free."
FULL = "As many jobs are pending as are kept: none can be accepted."
UNSET = "PERCHANCE_WORKER_URL is not set: no job can run."


def health_response() -> Response:
    """Return the state of all that jobs need within some seconds, whatever hangs; no render worker is woken."""
    jobs_database, looks = services().jobs.database, services().worker_looks
    jobs_database.begin()  # side by side
    looks.begin()
    queue = services().queue_state()
    database = jobs_database.state()
    looks.result()
    workers = worker_states()
    reasons = [*_problems_of(database), *problems_of_queue(queue), *_problems_of_workers(workers)]
    can_accept = database.status != "down"
    body = JobsHealth(
        status="unhealthy" if not can_accept else "degraded" if reasons else "healthy",
        reasons=reasons or None,
        database=_database_health(database),
        workers=workers,
        queue=_queue_health(database),
        **queue_parts(queue),
    )
    return json_response(body, 200 if can_accept else 503)


def _problems_of(database: DatabaseState) -> list[str]:
    known = {"down": DOWN, "locked": LOCKED}.get(database.status)
    is_full = database.queue and database.queue.pending >= services().settings.max_pending_jobs
    return [*([known] if known else []), *([FULL] if is_full else [])]


def _problems_of_workers(workers: list[WorkerStatus]) -> list[str]:
    if not services().worker.configured:
        return [UNSET]
    down = [it.number for it in workers if it.status == State.DOWN]
    if len(workers) == 1 and down:
        return ["The render worker is down."]
    return [f"Render worker {number} of {len(workers)} is down." for number in down]


def _database_health(database: DatabaseState) -> DatabaseHealth:
    settings = services().settings
    kind, hint = sqlite_file(engine_url(settings.database_url)), loss_hint(settings)
    return DatabaseHealth(
        status=database.status, kind="sqlite" if kind else "postgresql", durable=hint is None, hint=hint
    )


def _queue_health(database: DatabaseState) -> JobQueueHealth | None:
    running = services().jobs.running
    if database.status == "not_in_use":
        return JobQueueHealth(pending=0, running=0)
    if database.queue is None:
        return None
    oldest = database.queue.oldest
    age = None if oldest is None else max(0, round(time.time() - oldest))  # the database has a clock of its own
    return JobQueueHealth(pending=database.queue.pending, oldest_seconds=age, running=running)
