"""Retention: jobs that ended JOB_RETENTION_DAYS ago are deleted, in small batches."""

import logging
import threading
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import Row, bindparam, delete, exists, literal_column, select

from image_api.jobs.database.database import Database
from image_api.jobs.database.tables import deliveries, jobs
from image_api.jobs.database.transaction import Transaction
from image_api.jobs.errors import DatabaseUnavailable
from image_api.jobs.ids import first_id
from image_api.jobs.store.queries import FIRST

BATCH = 100  # jobs of one transaction, which submits wait for
PAUSE_SECONDS = 0.1  # in which others write
EVERY_SECONDS = 3600.0
DAY_SECONDS = 24 * 3600

log = logging.getLogger(__name__)

# A receiver is tried for a day. It may also wait for WEBHOOK_SECRET to be set again, but not for ever.
DELIVERY_SECONDS = 2 * DAY_SECONDS
IS_AWAITED = exists().where((deliveries.c.job_id == jobs.c.id) & (deliveries.c.status == literal_column("'pending'")))
OLD = (
    select(jobs.c.id, jobs.c.completed_at, IS_AWAITED.label("is_awaited"))
    .where((jobs.c.id > bindparam("after")) & (jobs.c.id < bindparam("end")))
    .order_by(jobs.c.id)
    .limit(BATCH)
)
DELETE = delete(jobs).where(jobs.c.id == bindparam("its_id"))


class Retention:
    """Deletes old jobs at the start and every hour, in the background. Several processes may do so at once."""

    def __init__(self, database: Database, days: float) -> None:
        self._database = database
        self._seconds = days * DAY_SECONDS
        self._is_stopped = threading.Event()

    def start(self) -> None:
        """Begin."""
        threading.Thread(target=self._run, name="jobs-retention", daemon=True).start()

    def stop(self) -> None:
        """End, after the batch of this moment."""
        self._is_stopped.set()

    def purge(self) -> int:
        """Delete the jobs that ended long enough ago, with their deliveries and images; return how many they were.

        Raises DatabaseUnavailable if need be.
        """
        deleted, after = 0, FIRST
        while not self._is_stopped.wait(PAUSE_SECONDS if deleted else 0):
            count, last = self._database.write(partial(delete_batch, after=after, seconds=self._seconds))
            deleted += count
            if last is None:
                break
            after = last
        return deleted

    def _run(self) -> None:
        while not self._is_stopped.is_set():
            try:
                if deleted := self.purge():
                    log.info("%d jobs that ended long ago were deleted", deleted)
            except DatabaseUnavailable:
                pass  # its reason is logged; the next hour comes
            except Exception:  # a bug must not end the thread: old jobs would be kept for ever
                log.exception("old jobs could not be deleted")
            self._is_stopped.wait(EVERY_SECONDS)


def delete_batch(transaction: Transaction, after: UUID, seconds: float) -> tuple[int, UUID | None]:
    """Delete the next old jobs that are final, and return how many, and the last one looked at; None at the end.

    Ids tell when jobs were created: none after `end` can have ended before it.
    """
    connection, end = transaction.connection, transaction.now - seconds
    found = connection.execute(OLD, {"after": after, "end": first_id(end)}).all()
    old = [{"its_id": row.id} for row in found if _has_ended(row, end)]
    if old:
        connection.execute(DELETE, old)
    return len(old), found[-1].id if len(found) == BATCH else None


def _has_ended(row: Row[Any], end: float) -> bool:
    """Return whether a job was final before a time, and no receiver of its webhook is to be told."""
    return row.completed_at is not None and row.completed_at < end - (DELIVERY_SECONDS if row.is_awaited else 0)
