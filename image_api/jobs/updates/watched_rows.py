"""The rows of watched jobs: of most only whether anything has changed, since a whole one has texts to parse."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, select

from image_api.jobs.database.tables import jobs
from image_api.jobs.job import Job
from image_api.jobs.store.queries import position_of
from image_api.jobs.store.rows import as_job

MAX_IDS = 500  # of one query

State = tuple[object, ...]
"""What of a row changes whenever anything of the job does that a client is told."""
Found = dict[UUID, tuple[Job | None, int | None]]
"""The jobs that are new, None if one is deleted, and the places of those that are pending."""


@dataclass(frozen=True)
class Look:
    """What to look at."""

    whole: Sequence[UUID]
    """The jobs to read in any case."""
    known: Sequence[Job]
    """Those to read if they are no longer so."""
    counted: Sequence[Job]
    """Of these the pending ones whose places in the queue are to be counted, even if nothing else has changed."""


def look_at(connection: Connection, look: Look) -> Found:
    """Return what is new of jobs."""
    known = {job.id: job for job in look.known}
    states = dict(_states(connection, list(known)))
    changed = [job.id for job in look.known if states.get(job.id) != _state(job)]
    ids = list(dict.fromkeys((*look.whole, *changed)))
    read = {job.id: job for job in _jobs(connection, ids)}
    found: Found = {job_id: _with_position(connection, read.get(job_id)) for job_id in ids}
    for job in look.counted:
        if job.id not in found:
            found[job.id] = _with_position(connection, job)
    return found


def _with_position(connection: Connection, job: Job | None) -> tuple[Job | None, int | None]:
    return job, position_of(connection, job) if job and job.status == "pending" else None


def _state(job: Job) -> State:
    return job.status, job.attempts, job.started_at, job.not_before, job.progress


def _states(connection: Connection, ids: Sequence[UUID]) -> Iterator[tuple[UUID, State]]:
    columns = (jobs.c.status, jobs.c.attempts, jobs.c.started_at, jobs.c.not_before, jobs.c.progress)
    for part in _parts(ids):
        for row in connection.execute(select(jobs.c.id, *columns).where(jobs.c.id.in_(part))):
            yield row[0], tuple(row[1:])


def _jobs(connection: Connection, ids: Sequence[UUID]) -> Iterator[Job]:
    for part in _parts(ids):
        yield from map(as_job, connection.execute(select(jobs).where(jobs.c.id.in_(part))))


def _parts(ids: Sequence[UUID]) -> Iterator[Sequence[UUID]]:
    return (ids[start : start + MAX_IDS] for start in range(0, len(ids), MAX_IDS))
