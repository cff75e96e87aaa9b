"""How a job becomes final."""

from sqlalchemy import bindparam, delete, update

from image_api.jobs.database.tables import has_status, job_images, jobs
from image_api.jobs.database.transaction import Transaction
from image_api.jobs.job import Job
from image_api.jobs.store.outbox import announce
from image_api.jobs.store.queue_numbers import QueueNumbers, change_queue

DROP_IMAGE = delete(job_images).where(job_images.c.job_id == bindparam("its_id"))


def end_job(transaction: Transaction, job: Job, **values: object) -> bool:
    """Make a pending or processing job final: drop its image, change its queue, and announce it.

    Returns False, and does nothing, if its status is no longer that of `job`.
    """
    if job.is_final:
        return False
    row = (
        transaction.without(QueueNumbers)
        .execute(
            update(jobs)
            .where((jobs.c.id == job.id) & has_status(job.status))
            .values(completed_at=transaction.now, holder=None, lease_until=None, progress=None, **values)
            .returning(jobs.c.image_bytes)
        )
        .one_or_none()
    )
    if row is None:
        return False
    if row.image_bytes:
        transaction.without(QueueNumbers).execute(DROP_IMAGE, {"its_id": job.id})
    change_queue(transaction, job.owner, pending=-int(job.status == "pending"), image_bytes=-row.image_bytes)
    announce(transaction, job, values["status"])
    return True
