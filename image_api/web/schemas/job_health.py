"""What is needed to accept jobs and to run them, as the jobs' /health returns it."""

from typing import Literal

from pydantic import BaseModel

from image_api.jobs.database.database_health import DatabaseStatus
from image_api.web.schemas.status import WorkerStatus
from render_worker.contract import VERSION


class DatabaseHealth(BaseModel):
    """The jobs' database."""

    status: DatabaseStatus
    """`up`; `locked` by another process, which is waited for; `down`; or `not_in_use`, if no job was ever asked for."""
    kind: Literal["sqlite", "postgresql"]
    durable: bool
    """Whether it outlives this service's instance, as far as that can be known."""
    hint: str | None = None


class JobQueueHealth(BaseModel):
    """The jobs that are not final."""

    pending: int
    oldest_seconds: int | None = None
    """For how long the oldest of them has been pending."""
    running: int
    """Those that run in the process that responds."""


class JobsHealth(BaseModel):
    """Whether jobs can be accepted and run, and what is down if not."""

    status: Literal["healthy", "degraded", "unhealthy"]
    """`unhealthy` if none can be accepted, `degraded` if they wait."""
    reasons: list[str] | None = None
    """What is down, a sentence each."""
    service: str = "image-api"
    version: str = VERSION
    database: DatabaseHealth
    workers: list[WorkerStatus]
    """The render workers, as this service last heard of them: one that is `asleep` is woken by the next job."""
    queue: JobQueueHealth | None = None
    """What is known of it if the database can be read."""
    simulated: bool | None = None
