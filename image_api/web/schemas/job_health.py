"""What is needed to accept jobs and to run them, as the jobs' /health returns it."""

from typing import Literal

from image_api.dispatch.queued.queue_state import BrokerStatus, RedisStatus
from image_api.jobs.database.database_health import DatabaseStatus
from image_api.web.schemas.response_model import ResponseModel
from image_api.web.schemas.status import WorkerStatus
from render_worker.contract import VERSION


class DatabaseHealth(ResponseModel):
    """The jobs' database."""

    status: DatabaseStatus
    """`up`; `locked` by another process, which is waited for; `down`; or `not_in_use`, if no job was ever asked for."""
    kind: Literal["sqlite", "postgresql"]
    durable: bool
    """Whether it outlives this service's instance, as far as that can be known."""
    hint: str | None = None


class JobQueueHealth(ResponseModel):
    """The jobs that are not final."""

    pending: int
    oldest_seconds: int | None = None
    """For how long the oldest of them has been pending."""
    running: int
    """Those that run: in the process that responds or, with DISPATCH=celery, those of the database."""


class RedisHealth(ResponseModel):
    """The Redis that holds what is true of the queue."""

    status: RedisStatus
    """`up`; `refuses_writes` if it is full, a replica, or cannot save; or `down`."""


class BrokerHealth(ResponseModel):
    """What carries the queue's messages: the same Redis, or that of CELERY_BROKER_URL."""

    status: BrokerStatus


class QueueLength(ResponseModel):
    """One of the queues."""

    name: str
    """`auto`, or the engine whose pictures its requests are for."""
    length: int
    """Messages that no Celery worker has taken."""
    workers: int
    """Celery workers that are up and take them."""


class CeleryWorkerStatus(ResponseModel):
    """A Celery worker, as it last reported, some seconds ago if it is up."""

    number: int
    """Its place among them by name, from 1 on."""
    name: str | None = None
    """With a host's name in it: for clients with the WORKER_TOKEN."""
    status: str
    """`up`, `resting`, `down` or, if its report is of another version, `unknown`."""
    last_report: str
    queues: list[str] | None = None
    """Those that it takes messages from."""
    concurrency: int | None = None
    """How many pictures it makes at a time."""
    running: int | None = None
    engines: dict[str, str] | None = None
    """The state of each of its engines."""


class JobsHealth(ResponseModel):
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
    redis: RedisHealth | None = None
    """This and the following are of DISPATCH=celery."""
    broker: BrokerHealth | None = None
    queues: list[QueueLength] | None = None
    celery_workers: list[CeleryWorkerStatus] | None = None
    """Those of the last ten minutes."""
    simulated: bool | None = None
