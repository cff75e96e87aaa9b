"""Jobs as rows of their table."""

from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, bindparam, select

from image_api.jobs.database.tables import jobs
from image_api.jobs.errors import JobNotFound
from image_api.jobs.job import Job

WITH_ID = select(jobs).where(jobs.c.id == bindparam("job_id"))


def as_job(row: Row[*tuple[Any, ...]]) -> Job:
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
        interruptions=found["interruptions"],
        started_at=found["started_at"],
        completed_at=found["completed_at"],
        not_before=found["not_before"],
        progress=found["progress"],
        images=found["images"] or [],
        failed=found["failed"] or [],
        error=found["error"],
        payer=found["payer"],
    )


def job_of(connection: Connection, job_id: UUID) -> Job:
    """Return a job. Raises JobNotFound if there is none with this id."""
    row = connection.execute(WITH_ID, {"job_id": job_id}).one_or_none()
    if row is None:
        raise JobNotFound
    return as_job(row)
