"""The jobs in their database: what clients submit, read, list and cancel."""

from functools import partial
from uuid import UUID

from sqlalchemy import delete, insert

from image_api.jobs.database.database import Database
from image_api.jobs.database.tables import queues
from image_api.jobs.database.transaction import Transaction
from image_api.jobs.errors import JobOver
from image_api.jobs.ids import JobIds
from image_api.jobs.job import Job, NewJob, Queue, Selection
from image_api.jobs.store.endings import end_job
from image_api.jobs.store.new_jobs import NewJobs
from image_api.jobs.store.pending_limits import PendingLimits
from image_api.jobs.store.queries import image_of, page_of, position_of, queue_of
from image_api.jobs.store.queue_numbers import QueueNumbers, change_queue, recount_queues
from image_api.jobs.store.rows import job_of

TRIAL = {"owner": "", "pending": 0, "image_bytes": 0}


class JobStore:
    """The jobs. Thread-safe. Each method raises DatabaseUnavailable if need be."""

    def __init__(self, database: Database, max_pending: int) -> None:
        self._database = database
        self._limits = PendingLimits(max_pending)
        self._ids = JobIds()

    def submit(self, new: NewJob) -> tuple[Job, bool]:
        """Return a new pending job and True, or the one that its idempotency key made before, and False.

        Raises KeyReused if that came with another request, and TooManyJobs if there is no room.
        """
        return self._database.write(partial(self._submit, new=new), size=len(new.image or b""))

    def made_before(self, new: NewJob) -> Job | None:
        """Return the job that the idempotency key of a new one has made already. Raises KeyReused as `submit`."""
        if not new.idempotency_key:
            return None
        return self._database.read(lambda connection: NewJobs(connection).of_key(new))

    def get(self, job_id: UUID) -> Job:
        """Return a job. Raises JobNotFound if there is none with this id."""
        return self._database.read(partial(job_of, job_id=job_id))

    def image(self, job_id: UUID) -> bytes | None:
        """Return the image that a job begins with; None if it has none, or is final."""
        return self._database.read(partial(image_of, job_id=job_id))

    def page(self, which: Selection) -> list[Job]:
        """Return jobs, the newest first."""
        return self._database.read(partial(page_of, which=which))

    def position(self, job: Job) -> int | None:
        """Return the place of a pending job in the queue, from 1 on; None if it has begun."""
        return self._database.read(partial(position_of, job=job)) if job.status == "pending" else None

    def queue(self) -> Queue:
        """Return how many jobs are pending, and since when the oldest is."""
        return self._database.read(queue_of)

    def try_write(self) -> bool:
        """Return True once something was written that leaves nothing. Raises DatabaseUnavailable if need be."""
        return self._database.write(_try_write)

    def cancel(self, job_id: UUID) -> Job:
        """Make a job canceled that is not final, and return it. Raises JobNotFound, and JobOver if it has ended."""
        return self._database.write(partial(_cancel, job_id=job_id))

    def recount(self) -> None:
        """Have the queues' numbers be those of the jobs, as in a backup that was restored they may not be."""
        self._database.write(recount_queues)

    def _submit(self, transaction: Transaction, new: NewJob) -> tuple[Job, bool]:
        added = transaction.part(NewJobs)
        if before := added.of_key(new):
            return before, False
        size = len(new.image or b"")
        self._limits.check(transaction.part(QueueNumbers), new.owner, size)
        change_queue(transaction, new.owner, pending=1, image_bytes=size)
        return added.add(new, self._ids, transaction.now), True


def _try_write(transaction: Transaction) -> bool:
    """Write a row, and delete it: a transaction that writes nothing is committed on a full disk, too."""
    connection = transaction.connection
    connection.execute(insert(queues), TRIAL)
    connection.execute(delete(queues).where(queues.c.owner == TRIAL["owner"]))
    return True


def _cancel(transaction: Transaction, job_id: UUID) -> Job:
    job = job_of(transaction.connection, job_id)
    if job.status in ("completed", "failed"):
        raise JobOver(job.status)
    if end_job(transaction, job, status="canceled"):
        job = job_of(transaction.connection, job_id)
    return job
