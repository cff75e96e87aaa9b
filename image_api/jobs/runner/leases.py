"""Leases: which process runs a job, and until when it may be taken for dead."""

import secrets
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, bindparam, literal, or_, select, update

from image_api.jobs.database.database import Database
from image_api.jobs.database.tables import PENDING, PROCESSING, by_index, jobs
from image_api.jobs.database.transaction import Transaction, clock_of
from image_api.jobs.errors import JobInterrupted
from image_api.jobs.job import Job, Json, Outcome
from image_api.jobs.runner.conclusion import Retry, conclude
from image_api.jobs.runner.retries import MAX_PAUSE_SECONDS
from image_api.jobs.store.endings import end_job
from image_api.jobs.store.fair_order import most_in_a_row, oldest, owners_in_order
from image_api.jobs.store.queries import image_of
from image_api.jobs.store.queue_numbers import change_queue
from image_api.jobs.store.rows import as_job, job_of

LEASE_SECONDS = 15.0
MAX_INTERRUPTIONS = 10  # after which a job is taken for what kills its process
MAX_TAKEN_OVER = 100  # of one transaction

# A moment later than any that this service writes is from before the clock was set back: it could be hours away.
IS_DUE = PENDING & or_(
    jobs.c.not_before <= bindparam("now"), jobs.c.not_before > bindparam("now") + literal(2 * MAX_PAUSE_SECONDS)
)
IS_LAPSED = PROCESSING & or_(
    jobs.c.lease_until < bindparam("now"), jobs.c.lease_until > bindparam("now") + literal(2 * LEASE_SECONDS)
)
IS_HELD = (
    (jobs.c.id == bindparam("job_id"))
    & PROCESSING
    & (jobs.c.holder == bindparam("me"))
    & (jobs.c.attempts == bindparam("attempt"))
)
DUE = select(jobs.c.id).where(IS_DUE).limit(1)
LAPSED = select(jobs).where(IS_LAPSED).limit(MAX_TAKEN_OVER)
HELD = select(jobs).where(IS_HELD)
FIRST = by_index(select(jobs).where(IS_DUE).order_by(jobs.c.owner, jobs.c.id).limit(1), "jobs_pending")
FIRST_OF = FIRST.where(jobs.c.owner == bindparam("its_owner"))
FIRST_AFTER = FIRST.where(jobs.c.owner > bindparam("last"))
OLDEST = oldest(select(jobs).where(IS_DUE))
CLAIM = (
    update(jobs)
    .where(jobs.c.id == bindparam("job_id"))
    .values(
        status="processing",
        attempts=jobs.c.attempts + 1,
        started_at=bindparam("now"),
        holder=bindparam("me"),
        lease_until=bindparam("until"),
    )
)
ADOPT = update(jobs).where(PROCESSING & jobs.c.lease_until.is_(None)).values(lease_until=bindparam("until"))
RENEW = update(jobs).where(IS_HELD).values(lease_until=bindparam("until"), progress=bindparam("news"))
STATUS = select(jobs.c.status).where(jobs.c.id == bindparam("job_id"))
KEEP = update(jobs).where(IS_HELD).values(images=bindparam("made"))
PUT_BACK = (
    update(jobs)
    .where(jobs.c.id == bindparam("job_id"))
    .values(status="pending", holder=None, lease_until=None, published_at=None, progress=None)
)
GIVE_BACK = PUT_BACK.values(attempts=jobs.c.attempts - 1)
INTERRUPT = PUT_BACK.values(interruptions=jobs.c.interruptions + 1)
RETRY = PUT_BACK.values(
    not_before=bindparam("due"), images=bindparam("made"), failed=bindparam("lost"), error=bindparam("reason")
)
IMAGE_SIZE = select(jobs.c.image_bytes).where(jobs.c.id == bindparam("job_id"))


@dataclass(frozen=True)
class Lease:
    """An attempt at a job: its number is the fencing token, by which an earlier one's result is refused."""

    job_id: UUID
    attempt: int

    @classmethod
    def of(cls, job: Job) -> "Lease":
        """Return the lease under which a job was claimed."""
        return cls(job.id, job.attempts)


@dataclass(frozen=True)
class Lost:
    """The leases that a renewal has found lost."""

    canceled: set[Lease] = field(default_factory=set)
    """Of jobs that were cancelled."""
    taken: set[Lease] = field(default_factory=set)
    """Of jobs that another process took, or ended."""


class Leases:
    """The leases of one runner, by the clock of the database. Thread-safe. Each call raises DatabaseUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._holder = secrets.token_hex(16)
        self._last_owner = ""
        self._in_a_row = 0  # jobs that were claimed since one was for its age

    def is_due(self) -> bool:
        """Return whether there is a job to claim; it writes nothing."""
        return self._database.read(self._is_due)

    def claim(self, count: int, running: Collection[Lease] = ()) -> list[Job]:
        """Claim up to so many jobs that are due, in fair order: of each owner the oldest first.

        Before that, those with lapsed leases become pending again, or end if that was too often; but not those that are
        `running` here, which were only renewed late.
        """
        return self._database.write(lambda transaction: self._claim(transaction, count, running))

    def take_over(self) -> bool:
        """Have jobs with lapsed leases be pending again, or end if that was too often. Returns whether there were some.

        It writes nothing if there are none.
        """
        if not self._database.read(lambda it: it.execute(LAPSED.limit(1), {"now": clock_of(it)}).first()):
            return False
        self._database.write(lambda transaction: self._take_over(transaction, ()))
        return True

    def adopt(self) -> None:
        """Give jobs leases that are made by Celery workers, so that they are run here once they have lapsed."""
        self._database.write(lambda it: it.connection.execute(ADOPT, {"until": it.now + LEASE_SECONDS}))

    def renew(self, progress: Mapping[Lease, Json | None]) -> Lost:
        """Renew leases, and keep the newest progress of their jobs. Returns those that are lost."""
        return self._database.write(lambda transaction: self._renew(transaction, progress))

    def keep(self, lease: Lease, images: list[Json]) -> bool:
        """Keep the images that were made so far. Returns whether the lease was still held."""
        values = {**self._key(lease), "made": images}
        return self._database.write(lambda it: it.connection.execute(KEEP, values).rowcount > 0)

    def finish(self, lease: Lease, outcome: Outcome) -> bool:
        """End a job. Returns whether the lease was still held; nothing is changed if it was not."""
        return self._database.write(lambda transaction: self._finish(transaction, lease, outcome))

    def retry(self, lease: Lease, again: Retry) -> bool:
        """Make a job pending for its next attempt. Returns whether the lease was still held."""
        return self._database.write(lambda transaction: self._retry(transaction, lease, again))

    def give_back(self, leases: Iterable[Lease]) -> None:
        """Make jobs pending again whose attempts did not come to an end, as if they had not begun."""
        given = list(leases)
        self._database.write(lambda transaction: self._give_back(transaction, given))

    def image_size(self, job: Job) -> int:
        """Return how many bytes the image has that a job begins with."""
        return self._database.read(lambda it: it.execute(IMAGE_SIZE, {"job_id": job.id}).scalar()) or 0

    def image_of(self, job: Job) -> bytes | None:
        """Return the image that a job begins with; None if it has none."""
        return self._database.read(lambda connection: image_of(connection, job.id))

    def _is_due(self, connection: Connection) -> bool:
        given = {"now": clock_of(connection)}
        return any(connection.execute(query, given).first() is not None for query in (DUE, LAPSED.limit(1)))

    def _key(self, lease: Lease) -> dict[str, Any]:
        return {"job_id": lease.job_id, "attempt": lease.attempt, "me": self._holder}

    def _held(self, transaction: Transaction, lease: Lease) -> Job | None:
        row = transaction.connection.execute(HELD, self._key(lease)).one_or_none()
        return as_job(row) if row else None

    def _claim(self, transaction: Transaction, count: int, running: Collection[Lease]) -> list[Job]:
        given = {"now": transaction.now, "me": self._holder, "until": transaction.now + LEASE_SECONDS}
        self._take_over(transaction, running)
        claimed: list[Job] = []
        last, in_a_row = self._last_owner, self._in_a_row
        while len(claimed) < count:
            order = owners_in_order(transaction.connection, last)
            by_age = in_a_row >= most_in_a_row(order)
            found = _oldest(transaction) if by_age else _next(transaction, order, last)
            if found is None:
                break
            claimed.append(_claimed(transaction, found, given))
            last, in_a_row = claimed[-1].owner, 0 if by_age else in_a_row + 1
        self._last_owner, self._in_a_row = last, in_a_row
        return claimed

    def _take_over(self, transaction: Transaction, running: Collection[Lease]) -> None:
        for row in transaction.connection.execute(LAPSED, {"now": transaction.now}).all():
            job = as_job(row)
            if row.holder != self._holder or Lease.of(job) not in running:
                _interrupt(transaction, job)

    def _renew(self, transaction: Transaction, progress: Mapping[Lease, Json | None]) -> Lost:
        lost = Lost()
        until = transaction.now + LEASE_SECONDS
        for lease, news in progress.items():
            values = {**self._key(lease), "until": until, "news": news}
            if not transaction.connection.execute(RENEW, values).rowcount:
                status = transaction.connection.execute(STATUS, {"job_id": lease.job_id}).scalar()
                (lost.canceled if status == "canceled" else lost.taken).add(lease)
        return lost

    def _finish(self, transaction: Transaction, lease: Lease, outcome: Outcome) -> bool:
        job = self._held(transaction, lease)
        return job is not None and _end(transaction, job, outcome)

    def _retry(self, transaction: Transaction, lease: Lease, again: Retry) -> bool:
        if not (job := self._held(transaction, lease)):
            return False
        values = {"due": transaction.now + again.seconds, "made": again.images, "lost": again.failed}
        transaction.connection.execute(RETRY, {"job_id": job.id, **values, "reason": again.error})
        change_queue(transaction, job.owner, pending=1)
        return True

    def _give_back(self, transaction: Transaction, leases: list[Lease]) -> None:
        for lease in leases:
            if job := self._held(transaction, lease):
                transaction.connection.execute(GIVE_BACK, {"job_id": job.id})
                change_queue(transaction, job.owner, pending=1)


def _oldest(transaction: Transaction) -> Row[Any] | None:
    return transaction.connection.execute(OLDEST, {"now": transaction.now}).first()


def _next(transaction: Transaction, order: list[tuple[int, list[str]]], last: str) -> Row[Any] | None:
    """Return the oldest due job of the first owner that has one."""
    connection, now = transaction.connection, {"now": transaction.now}
    for owner in chain.from_iterable(owners for _, owners in order):
        if found := connection.execute(FIRST_OF, {**now, "its_owner": owner}).first():
            return found
    # Those that were looked at have none that is due.
    return connection.execute(FIRST_AFTER, {**now, "last": last}).first() or connection.execute(FIRST, now).first()


def _claimed(transaction: Transaction, found: Row[Any], given: dict[str, Any]) -> Job:
    transaction.connection.execute(CLAIM, {**given, "job_id": found.id})
    change_queue(transaction, found.owner, pending=-1)
    return replace(job_of(transaction.connection, found.id), is_repeated=found.started_at is not None)


def _interrupt(transaction: Transaction, job: Job) -> None:
    """Make a job pending again whose process is taken for dead; it ends if that was too often."""
    if job.interruptions >= MAX_INTERRUPTIONS:
        _end(transaction, job, conclude(job, job.images, dict.fromkeys(job.missing, JobInterrupted())))
        return
    transaction.connection.execute(INTERRUPT, {"job_id": job.id})
    change_queue(transaction, job.owner, pending=1)


def _end(transaction: Transaction, job: Job, outcome: Outcome) -> bool:
    return end_job(
        transaction, job, status=outcome.status, images=outcome.images, failed=outcome.failed, error=outcome.error
    )
