"""The rows of jobs in the queue, and what changes them: each change is conditional, so that news may come twice."""

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal, TypeVar
from uuid import UUID

from sqlalchemy import Connection, bindparam, select, update

from image_api.errors import ApiError
from image_api.jobs.database.database import Database
from image_api.jobs.database.tables import PROCESSING, by_index, jobs
from image_api.jobs.database.transaction import Transaction, clock_of
from image_api.jobs.errors import JobInterrupted
from image_api.jobs.job import Job, Json, Outcome
from image_api.jobs.queued.seen_rows import SeenRows
from image_api.jobs.queued.turns import IS_PUBLISHED, Window, is_any_due, turns_of, window_of
from image_api.jobs.runner.conclusion import Retry, conclude, judge
from image_api.jobs.runner.leases import MAX_INTERRUPTIONS
from image_api.jobs.runner.retries import RetryPolicy
from image_api.jobs.store.endings import end_job
from image_api.jobs.store.fair_order import JOBS_IN_A_ROW
from image_api.jobs.store.queries import image_of
from image_api.jobs.store.queue_numbers import QueueNumbers, change_queue
from image_api.jobs.store.rows import WITH_ID, as_job

OF_JOB = update(jobs).where(jobs.c.id == bindparam("job_id"))
PUBLISHED = OF_JOB.values(published_at=bindparam("now"))
WAITING = by_index(select(jobs).where(IS_PUBLISHED), "jobs_published")
BEGUN = by_index(select(jobs).where(PROCESSING & jobs.c.lease_until.is_(None)), "jobs_processing")

MAX_AHEAD_SECONDS = 5.0  # by which another process may have published a job after this one read the clock

T = TypeVar("T")


@dataclass(frozen=True)
class QueuedJob:
    """A job that is in the queue or has begun, and what its row says of that."""

    job: Job
    waited: float
    """Seconds since it was published, the last time."""
    is_leased: bool
    """Whether a process of this tier runs it, without the queue."""


@dataclass(frozen=True)
class Settled:
    """What endings of its pictures came to for a job."""

    what: Literal["over", "final", "retried", "open"]
    """It was final before, is final now, is tried again, or lacks other pictures."""
    pictures: int = 0
    """How many the job has."""
    seconds: float | None = None
    """How long the attempt took that completed it."""


@dataclass(frozen=True)
class Failure:
    """Why a picture was not made, at which attempt."""

    attempt: int
    error: ApiError


@dataclass(frozen=True)
class Endings:
    """How pictures of a job ended, by their places."""

    job_id: UUID
    images: Mapping[int, Json]
    failures: Mapping[int, Failure]
    attempt: int = 0
    """The latest that made one of the images, whose beginning may not have been told yet."""


class QueuedRows:
    """The rows of the queue's jobs. Thread-safe. Each call raises DatabaseUnavailable if need be."""

    def __init__(self, database: Database, policy: RetryPolicy) -> None:
        self._database = database
        self._policy = policy
        self._last_owner = ""
        self._in_a_row = 0  # jobs that were published since one was for its age

    def window(self) -> Window:
        """Return what is in the queue, or begun."""
        return self._database.read(window_of)

    def is_due(self, models: Collection[str] | None = None) -> bool:
        """Return whether a job is due; if `models` are given, one of those that the queue has room for."""
        return self._database.read(partial(_is_due, models=models))

    def publish(self, models: Collection[str]) -> list[Job]:
        """Return jobs of the models that are to be sent: by their rows they are in the queue now."""
        return self._database.write(partial(self._publish, models=models))

    def unpublish(self, unsent: Iterable[Job]) -> None:
        """Have jobs published again, which could not be sent."""
        changes = [partial(_unpublish, seen=job) for job in unsent]
        self.change(changes)

    def open_jobs(self) -> list[QueuedJob]:
        """Return all jobs that are in the queue or have begun."""
        return self._database.read(_open_jobs)

    def image_of(self, job: Job) -> bytes | None:
        """Return the image that a job begins with; None if it has none, or is final."""
        return self._database.read(lambda connection: image_of(connection, job.id))

    def find(self, ids: Sequence[UUID]) -> list[Job]:
        """Return the jobs that there are of these."""
        query = select(jobs).where(jobs.c.id.in_(ids))
        return self._database.read(lambda connection: [as_job(row) for row in connection.execute(query)])

    def change(self, changes: Sequence[Callable[[Transaction], T]], ids: Collection[UUID] = ()) -> list[T]:
        """Carry out changes in one transaction, and return what each returns. `ids` are read at once before them."""

        def carry_out(transaction: Transaction) -> list[T]:
            transaction.part(SeenRows).look(ids)
            return [change(transaction) for change in changes]

        return self._database.write(carry_out) if changes else []

    def settling(self, endings: Endings) -> Callable[[Transaction], Settled]:
        """Return the change that endings of its pictures are to a job."""
        return lambda transaction: _settle(transaction, endings, self._policy)

    def _publish(self, transaction: Transaction, models: Collection[str]) -> list[Job]:
        connection = transaction.connection
        window = window_of(connection, models)
        by_age = self._in_a_row >= JOBS_IN_A_ROW
        rows = list(window.fitting(turns_of(connection, transaction.now, self._last_owner, window, by_age=by_age)))
        if rows:
            connection.execute(PUBLISHED, [{"job_id": row.id, "now": transaction.now} for row in rows])
            self._last_owner = rows[-1].owner
            self._in_a_row = 0 if by_age else self._in_a_row + len(rows)
        return [as_job(row) for row in rows]


def _is_due(connection: Connection, models: Collection[str] | None) -> bool:
    window = None if models is None else window_of(connection, models)
    return is_any_due(connection, clock_of(connection), window)


def begin(transaction: Transaction, job_id: UUID, attempt: int) -> bool:
    """Have a job be processing, of which a picture has begun. Returns False if it is over, and not to be made."""
    found = _find(transaction, job_id)
    if found is None:  # of another database, whose jobs share this Redis
        return True
    if found.job.is_final:
        return False
    if found.job.attempts < attempt and not found.is_leased:  # else it is old news, or of another picture
        _write(transaction, found.job, pending=0, status="processing", attempts=attempt, started_at=transaction.now)
    return True


def put_back(transaction: Transaction, job_id: UUID, attempt: int) -> bool:
    """Have a job be pending whose Celery worker was stopped: it is in the queue again, as if it had not begun.

    Returns False if it is over, and not to be made.
    """
    found = _find(transaction, job_id)
    if found and _is_running(found, attempt) and len(found.job.missing) == 1:  # else others of it may run
        _put_back(transaction, found.job)
    return not (found and found.job.is_final)


def reset(transaction: Transaction, seen: Job) -> None:
    """Have a job be pending none of whose pictures is being made, though its row says so."""
    found = _find(transaction, seen.id)
    if found and _version(found.job) == _version(seen) and _is_running(found, seen.attempts):
        _put_back(transaction, found.job)


def interrupt(transaction: Transaction, seen: Job, attempt: int) -> Job | None:
    """Have a job be published for its next attempt, as the latest was lost with its Celery worker; return it.

    Returns None if it has changed meanwhile, or has ended now, as that was too often.
    """
    found = _find(transaction, seen.id)
    if not found or found.job.is_final or _version(found.job) != _version(seen):
        return None
    if seen.interruptions >= MAX_INTERRUPTIONS:
        errors: dict[int, ApiError] = dict.fromkeys(found.job.missing, JobInterrupted())
        _end(transaction, found.job, conclude(found.job, found.job.images, errors))
        return None
    attempts, interruptions = max(seen.attempts, attempt), seen.interruptions + 1
    values = {"attempts": attempts, "interruptions": interruptions, "published_at": transaction.now, "progress": None}
    _write(transaction, found.job, pending=1, status="pending", **values)
    return replace(found.job, status="pending", attempts=attempts, interruptions=interruptions)


def resend(transaction: Transaction, seen: Job) -> bool:
    """Note that a job is sent again at the same attempt. Returns False if it has changed meanwhile."""
    found = _find(transaction, seen.id)
    if not found or found.job.is_final or _version(found.job) != _version(seen):
        return False
    transaction.connection.execute(PUBLISHED, {"job_id": seen.id, "now": transaction.now})
    return True


def fail(transaction: Transaction, job_id: UUID, error: ApiError) -> None:
    """End a job by an error, with the pictures that it has."""
    found = _find(transaction, job_id)
    if found and not found.job.is_final:
        _end(transaction, found.job, conclude(found.job, found.job.images, dict.fromkeys(found.job.missing, error)))


def _settle(transaction: Transaction, endings: Endings, policy: RetryPolicy) -> Settled:
    found = _find(transaction, endings.job_id)
    if found is None or found.job.is_final:
        return Settled("over", found.job.pictures if found else 0)
    job = found.job
    images = [*job.images, *(endings.images[index] for index in job.missing if index in endings.images)]
    images.sort(key=lambda image: int(image["index"]))
    failures = {index: it for index, it in endings.failures.items() if _counts(it, job)}
    job = replace(job, attempts=max([job.attempts, endings.attempt, *(it.attempt for it in failures.values())]))
    missing = replace(job, images=images).missing
    errors = {index: failures[index].error for index in missing if index in failures}
    if len(errors) < len(missing):
        _write(transaction, found.job, images=images)
        return Settled("open")
    return _conclude(transaction, found.job, judge(job, images, errors, policy), job.attempts)


def _conclude(transaction: Transaction, job: Job, came_to: Outcome | Retry, attempts: int) -> Settled:
    started_at = job.started_at or transaction.now  # the news of its beginning may come later, or never
    if isinstance(came_to, Retry):
        _retry(transaction, job, came_to, attempts=attempts, started_at=started_at)
        return Settled("retried")
    _end(transaction, job, came_to, attempts=max(attempts, 1), started_at=started_at)
    return Settled("final", job.pictures, transaction.now - started_at if came_to.status == "completed" else None)


def _counts(failure: Failure, job: Job) -> bool:
    """Return whether a failure is one of an attempt that the row waits for: the former one's may be told again."""
    return job.status == "processing" or failure.attempt > job.attempts


def _retry(transaction: Transaction, job: Job, again: Retry, **values: Any) -> None:
    due = {"not_before": transaction.now + again.seconds, "published_at": None, "progress": None}
    came_to = {"images": again.images, "failed": again.failed, "error": again.error}
    without_lease = {"holder": None, "lease_until": None}
    _write(transaction, job, pending=1, status="pending", **due, **came_to, **without_lease, **values)


def _end(transaction: Transaction, job: Job, outcome: Outcome, **values: Any) -> None:
    came_to = {"images": outcome.images, "failed": outcome.failed, "error": outcome.error}
    end_job(transaction, job, status=outcome.status, **came_to, **values)


def _unpublish(transaction: Transaction, seen: Job) -> None:
    found = _find(transaction, seen.id)
    if found and _version(found.job) == _version(seen):
        _write(transaction, found.job, published_at=None)


def _put_back(transaction: Transaction, job: Job) -> None:
    now = transaction.now
    _write(transaction, job, pending=1, status="pending", attempts=job.attempts - 1, published_at=now, progress=None)


def _write(transaction: Transaction, job: Job, pending: int | None = None, **values: Any) -> None:
    """Write values to a job's row, which is to be `pending` or not from now on, unless that is None."""
    transaction.without(QueueNumbers).execute(OF_JOB.values(**values), {"job_id": job.id})
    if pending is not None:
        change_queue(transaction, job.owner, pending=pending - int(job.status == "pending"))


def _find(transaction: Transaction, job_id: UUID) -> QueuedJob | None:
    row = transaction.part(SeenRows).take(job_id)
    row = row or transaction.without(QueueNumbers).execute(WITH_ID, {"job_id": job_id}).one_or_none()
    return _queued(row, transaction.now) if row else None


def _queued(row: Any, now: float) -> QueuedJob:
    waited = 0.0 if row.published_at is None else now - row.published_at
    if waited < -MAX_AHEAD_SECONDS:  # from before the clock was set back
        waited = math.inf
    return QueuedJob(as_job(row), max(waited, 0.0), row.lease_until is not None)


def _open_jobs(connection: Connection) -> list[QueuedJob]:
    now = clock_of(connection)
    return [_queued(row, now) for query in (WAITING, BEGUN) for row in connection.execute(query)]


def _is_running(found: QueuedJob, attempt: int) -> bool:
    return found.job.status == "processing" and found.job.attempts == attempt and not found.is_leased


def _version(job: Job) -> tuple[str, int, int]:
    return job.status, job.attempts, job.interruptions
