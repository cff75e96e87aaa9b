"""The jobs in their database: what clients submit, read, list and cancel."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, Row, Select, case, delete, func, insert, literal, select, update
from sqlalchemy.dialects import postgresql, sqlite

from image_api.jobs.database import Database
from image_api.jobs.errors import JobNotFound, JobOver, KeyReused, TooManyJobs
from image_api.jobs.group_commit import Transaction
from image_api.jobs.ids import JobIds, first_id
from image_api.jobs.job import Job, JobStatus, NewJob, Queue
from image_api.jobs.outbox import announce
from image_api.jobs.tables import job_images, jobs, queues

MAX_IMAGE_BYTES = 1024 * 1024 * 1024  # of all images that wait
MAX_RANK = 1000  # up to which the place among the owner's own pending jobs is counted
FULL = "As many jobs are pending as this service keeps."
SHARE_USED = "This client has half of the jobs that may be pending, and other clients need the rest."
IMAGES_FULL = "As many images wait with their jobs as this service keeps."


@dataclass(frozen=True)
class Selection:
    """Which jobs a page lists: those of an owner that match, before the last one of the page before."""

    owner: str
    limit: int
    before: UUID | None = None
    status: JobStatus | None = None
    since: float | None = None
    until: float | None = None


class JobStore:
    """The jobs. Thread-safe."""

    def __init__(self, database: Database, max_pending: int) -> None:
        self._database = database
        self._max_pending = max_pending
        self._ids = JobIds()

    def submit(self, new: NewJob) -> tuple[Job, bool]:
        """Return a new pending job and True, or the one that its idempotency key made before, and False.

        Raises KeyReused if that came with another request, and TooManyJobs if there is no room.
        """
        return self._database.write(lambda transaction: self._submit(transaction, new))

    def get(self, job_id: UUID) -> Job:
        """Return a job. Raises JobNotFound if there is none with this id."""
        return self._database.read(lambda connection: job_of(connection, job_id))

    def page(self, which: Selection) -> list[Job]:
        """Return jobs, the newest first."""

        def query(connection: Connection) -> list[Job]:
            return [as_job(row) for row in connection.execute(_selected(which))]

        return self._database.read(query)

    def position(self, job: Job) -> int | None:
        """Return the place of a pending job in the queue, from 1 on; None if it has begun."""
        return self._database.read(lambda connection: position_of(connection, job)) if job.status == "pending" else None

    def queue(self) -> Queue:
        """Return how many jobs are pending, and since when the oldest is."""
        return self._database.read(_queue)

    def cancel(self, job_id: UUID) -> Job:
        """Make a job canceled that is not final, and return it. Raises JobNotFound, and JobOver if it has ended."""
        return self._database.write(lambda transaction: _cancel(transaction, job_id))

    def _submit(self, transaction: Transaction, new: NewJob) -> tuple[Job, bool]:
        if new.idempotency_key and (before := _of_key(transaction.connection, new)):
            return before, False
        size = len(new.image or b"")
        self._check_room(transaction.connection, new.owner, size)
        job_id = self._ids.new(transaction.now)
        transaction.connection.execute(
            insert(jobs).values(
                id=job_id,
                owner=new.owner,
                status="pending",
                request=dict(new.request),
                request_digest=new.digest,
                idempotency_key=new.idempotency_key,
                base_url=new.base_url,
                webhook_url=new.webhook_url,
                image_bytes=size,
                attempts=0,
                interruptions=0,
                created_at=transaction.now,
                not_before=0,
            )
        )
        if new.image:
            transaction.connection.execute(insert(job_images).values(job_id=job_id, data=new.image))
        change_queue(transaction.connection, new.owner, pending=1, image_bytes=size)
        return job_of(transaction.connection, job_id), True

    def _check_room(self, connection: Connection, owner: str, size: int) -> None:
        """Raise TooManyJobs if there is no room for one more of the owner's.

        Others count with half of what there is at most: what a client got while it was alone keeps none of them out.
        """
        half = self._max_pending // 2
        counted = case((queues.c.pending < half, queues.c.pending), else_=half)
        others, images = connection.execute(
            select(
                func.coalesce(func.sum(case((queues.c.owner == owner, 0), else_=counted)), 0),
                func.coalesce(func.sum(queues.c.image_bytes), 0),
            )
        ).one()
        own = connection.execute(select(queues.c.pending).where(queues.c.owner == owner)).scalar() or 0
        if own + others >= self._max_pending:
            raise TooManyJobs(FULL)
        if others and own >= max(half, 1):
            raise TooManyJobs(SHARE_USED)
        if size and images + size > MAX_IMAGE_BYTES:
            raise TooManyJobs(IMAGES_FULL)


def as_job(row: Row[tuple[object, ...]]) -> Job:
    """Return a row as a job."""
    found = row._mapping
    return Job(
        id=found["id"],
        owner=found["owner"],
        status=found["status"],
        request=found["request"],
        created_at=found["created_at"],
        base_url=found["base_url"],
        has_image=found["image_bytes"] > 0,
        webhook_url=found["webhook_url"],
        attempts=found["attempts"],
        started_at=found["started_at"],
        completed_at=found["completed_at"],
        not_before=found["not_before"],
        progress=found["progress"],
        images=found["images"] or [],
        failed=found["failed"] or [],
        error=found["error"],
    )


def job_of(connection: Connection, job_id: UUID) -> Job:
    """Return a job. Raises JobNotFound if there is none with this id."""
    row = connection.execute(select(jobs).where(jobs.c.id == job_id)).one_or_none()
    if row is None:
        raise JobNotFound
    return as_job(row)


def change_queue(connection: Connection, owner: str, *, pending: int = 0, image_bytes: int = 0) -> None:
    """Add to the numbers of an owner's queue, whose row is gone while it has nothing."""
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    adding = dialect.insert(queues).values(owner=owner, pending=pending, image_bytes=image_bytes)
    changes = {
        "pending": queues.c.pending + adding.excluded.pending,
        "image_bytes": queues.c.image_bytes + adding.excluded.image_bytes,
    }
    connection.execute(adding.on_conflict_do_update(index_elements=["owner"], set_=changes))
    is_empty = (queues.c.pending <= 0) & (queues.c.image_bytes <= 0)
    connection.execute(delete(queues).where((queues.c.owner == owner) & is_empty))


def end_job(transaction: Transaction, job: Job, **values: object) -> bool:
    """Make a job final, unless it is: drop its image, and change its queue. Returns whether it was not."""
    row = transaction.connection.execute(
        update(jobs)
        .where((jobs.c.id == job.id) & jobs.c.status.in_(("pending", "processing")))
        .values(completed_at=transaction.now, holder=None, lease_until=None, progress=None, **values)
        .returning(jobs.c.image_bytes)
    ).one_or_none()
    if row is None:
        return False
    if row.image_bytes:
        transaction.connection.execute(delete(job_images).where(job_images.c.job_id == job.id))
    change_queue(transaction.connection, job.owner, pending=-int(job.status == "pending"), image_bytes=-row.image_bytes)
    announce(transaction, job, values["status"])
    return True


def _of_key(connection: Connection, new: NewJob) -> Job | None:
    """Return the job that an idempotency key has made. Raises KeyReused if that came with another request."""
    same = (jobs.c.owner == new.owner) & (jobs.c.idempotency_key == new.idempotency_key)
    row = connection.execute(select(jobs).where(same)).one_or_none()
    if row and row.request_digest != new.digest:
        raise KeyReused
    return as_job(row) if row else None


def _selected(which: Selection) -> Select[tuple[object, ...]]:
    found = select(jobs).where(jobs.c.owner == which.owner).order_by(jobs.c.id.desc()).limit(which.limit)
    if which.status:
        found = found.where(jobs.c.status == which.status)
    if which.before:
        found = found.where(jobs.c.id < which.before)
    if which.since is not None:
        found = found.where(jobs.c.id >= first_id(which.since))
    if which.until is not None:
        found = found.where(jobs.c.id < first_id(which.until))
    return found


def position_of(connection: Connection, job: Job) -> int:
    """Return the place of a pending job: owners take turns, so of each as many are before it as of its own owner."""
    own_before = (jobs.c.owner == job.owner) & (jobs.c.status == "pending") & (jobs.c.id < job.id)
    ahead = select(literal(1).label("one")).where(own_before).limit(MAX_RANK).subquery()
    rank = 1 + int(connection.execute(select(func.coalesce(func.sum(ahead.c.one), 0))).scalar_one())
    counted = case((queues.c.pending < rank, queues.c.pending), else_=rank)
    others = select(func.coalesce(func.sum(counted), 0)).where(queues.c.owner != job.owner)
    return rank + int(connection.execute(others).scalar_one())


def _queue(connection: Connection) -> Queue:
    pending = int(connection.execute(select(func.coalesce(func.sum(queues.c.pending), 0))).scalar_one())
    waiting: Sequence[float | None] = (
        connection.execute(select(func.min(jobs.c.created_at)).where(jobs.c.status == "pending")).scalars().all()
    )
    return Queue(pending, waiting[0] if pending else None)


def _cancel(transaction: Transaction, job_id: UUID) -> Job:
    job = job_of(transaction.connection, job_id)
    if job.status in ("completed", "failed"):
        raise JobOver(job.status)
    end_job(transaction, job, status="canceled")
    return job_of(transaction.connection, job_id)
