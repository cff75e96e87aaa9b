"""The canceller: tells the Celery workers of cancelled jobs until Redis takes that, whichever process was asked."""

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, select, update

from image_api.dispatch.queued.request_states import RequestStates
from image_api.jobs.database.database import Database
from image_api.jobs.database.tables import by_index, has_status, jobs
from image_api.jobs.database.transaction import Transaction
from image_api.jobs.job import Job
from image_api.jobs.queued.loop import Loop
from image_api.jobs.queued.picture_ids import missing_of
from image_api.jobs.store.rows import as_job

POLL_SECONDS = 1.0  # for those of a process that died meanwhile

# A row that was published says so until Redis has its cancellation.
UNTOLD = by_index(
    select(jobs).where(has_status("canceled") & jobs.c.published_at.is_not(None)).limit(100), "jobs_untold"
)
TOLD = update(jobs).where(jobs.c.id == bindparam("job_id")).values(published_at=None)


class Canceller:
    """Cancels the pictures of jobs that were cancelled while their messages may have been in the queue."""

    def __init__(self, database: Database, states: RequestStates) -> None:
        self._database = database
        self._states = states
        self.loop = Loop("canceller", self._step)

    def _step(self) -> float:
        jobs = self._database.read(_untold)
        if not jobs:
            return POLL_SECONDS
        self._states.cancel([request_id for job in jobs for request_id in missing_of(job)])
        self._database.write(lambda transaction: _note_told(transaction, jobs))
        return 0.0


def _untold(connection: Connection) -> list[Job]:
    return [as_job(row) for row in connection.execute(UNTOLD)]


def _note_told(transaction: Transaction, jobs: Sequence[Job]) -> None:
    transaction.connection.execute(TOLD, [{"job_id": job.id} for job in jobs])
