"""Jobs that are submitted: an idempotency key makes one at most, and the others are written together."""

from typing import Any
from uuid import UUID

from sqlalchemy import Connection, bindparam, insert, select

from image_api.jobs.database.tables import job_images, jobs
from image_api.jobs.errors import KeyReused
from image_api.jobs.ids import JobIds
from image_api.jobs.job import Job, NewJob
from image_api.jobs.store.rows import as_job

ADD = insert(jobs)
ADD_IMAGE = insert(job_images)
LAST_ID = select(jobs.c.id).order_by(jobs.c.id.desc()).limit(1)
WITH_KEY = select(jobs).where(
    (jobs.c.owner == bindparam("its_owner")) & (jobs.c.idempotency_key == bindparam("its_key"))
)


class NewJobs:
    """The jobs that a transaction adds; they are written at its end."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._rows: list[dict[str, Any]] = []
        self._images: list[dict[str, Any]] = []
        self._with_key: dict[tuple[str, str], tuple[Job, str]] = {}
        self._last_id: UUID | None = None

    def of_key(self, new: NewJob) -> Job | None:
        """Return the job that an idempotency key has made. Raises KeyReused if that came with another request."""
        if not new.idempotency_key:
            return None
        job, digest = self._with_key.get((new.owner, new.idempotency_key)) or self._kept(new)
        if job and digest != new.digest:
            raise KeyReused
        return job

    def _kept(self, new: NewJob) -> tuple[Job | None, str]:
        row = self._connection.execute(WITH_KEY, {"its_owner": new.owner, "its_key": new.idempotency_key}).one_or_none()
        return (as_job(row), row.request_digest) if row else (None, "")

    def add(self, new: NewJob, ids: JobIds, now: float) -> Job:
        """Return a new job, whose id is the greatest of all."""
        if self._last_id is None:  # of another process, whose clock may be ahead
            self._last_id = self._connection.execute(LAST_ID).scalar()
        self._last_id = ids.new(now, after=self._last_id)
        job = Job(
            id=self._last_id,
            owner=new.owner,
            status="pending",
            request=new.request,
            created_at=now,
            base_url=new.base_url,
            has_image=bool(new.image),
            webhook_url=new.webhook_url,
            payer=new.payer,
        )
        self._rows.append(_row(job, new))
        if new.image:
            self._images.append({"job_id": job.id, "data": new.image})
        if new.idempotency_key:
            self._with_key[new.owner, new.idempotency_key] = job, new.digest
        return job

    def flush(self) -> None:
        """Write the jobs, and their images."""
        rows, self._rows = self._rows, []
        images, self._images = self._images, []
        if rows:
            self._connection.execute(ADD, rows)
        if images:
            self._connection.execute(ADD_IMAGE, images)


def _row(job: Job, new: NewJob) -> dict[str, Any]:
    return {
        "id": job.id,
        "owner": job.owner,
        "status": job.status,
        "request": dict(job.request),
        "request_digest": new.digest,
        "idempotency_key": new.idempotency_key,
        "base_url": job.base_url,
        "webhook_url": job.webhook_url,
        "image_bytes": len(new.image or b""),
        "attempts": 0,
        "interruptions": 0,
        "created_at": job.created_at,
        "not_before": 0,
        "payer": job.payer,
    }
