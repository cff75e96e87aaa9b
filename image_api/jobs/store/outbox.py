"""The outbox: a webhook is written in the transaction that ends its job, so that none is lost or sent in vain."""

import re
from uuid import uuid4

from sqlalchemy import insert

from image_api.jobs.database.tables import deliveries
from image_api.jobs.database.transaction import Transaction
from image_api.jobs.job import Job

HOST = re.compile(r"[a-z]+://([^/?#]*)", re.IGNORECASE)
MAX_HOST = 255


def announce(transaction: Transaction, job: Job, status: object) -> None:
    """Write the delivery of what a job has come to, if its client named a receiver."""
    if not job.webhook_url:
        return
    host = HOST.match(job.webhook_url)
    transaction.connection.execute(
        insert(deliveries).values(
            id=uuid4(),
            job_id=job.id,
            type=f"job.{status}",
            host=host[1].lower()[:MAX_HOST] if host else "",
            status="pending",
            attempts=[],
            created_at=transaction.now,
            not_before=0,  # before all that are tried again
        )
    )
