"""The queue between the tiers: the message of one picture, its keys in Redis, and the news of it.

A message asks for one picture under its request's id. It may be delivered any number of times, to several Celery
workers at once, or never: what holds is in Redis, under keys of that id.

    attempt   hash: the `number` of the latest attempt, a fencing token, and whether it has `begun`
    lease     which Celery worker makes the picture; it expires unless it is renewed
    cancel    there if the request was cancelled
    image     the bytes of the image that the request begins with
    preview   the newest preview
    final     hash: the `number` of the attempt that ended, whether the picture was `made` (1 or 0), and the `line`, an
              Ending; the line is empty once what asked for the picture has it
"""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from render_worker.contract.health import ModelList, WorkerHealth
from render_worker.contract.recipe import AUTO
from render_worker.contract.request import GenerateRequest
from render_worker.contract.stream import ErrorLine, Progress, ResultLine

TASK = "render_worker.generate"
"""The Celery task that makes one picture; its only argument is a QueuedRequest as JSON."""
AUTO_QUEUE = AUTO
"""The queue of requests with model=auto; those of a named model are in that of its engine, by the engine's name."""
PREFIX = "img_queue:"
NEWS = PREFIX + "news"
"""The stream of a QueueNews for each request that has begun, ended or was put back, in its field NEWS_FIELD."""
PROGRESS = PREFIX + "progress"
"""The stream of a QueueProgress for each progress, in its field NEWS_FIELD."""
NEWS_FIELD = "news"
MAX_NEWS = 100_000
"""About how many are kept; what was trimmed is in `final`."""
MAX_PROGRESS = 10_000
MEMORY = PREFIX + "memory"
"""A random text, by which a Redis that has lost its memory is known."""
WORKERS = PREFIX + "workers"
"""Sorted set of the names of Celery workers, by when each last reported, in seconds of Redis's clock."""
REPORT_SECONDS = 5.0
REPORT_TTL_SECONDS = 15.0
LEASE_SECONDS = 5.0
RENEW_SECONDS = 1.0
KEPT_SECONDS = 24 * 3600
"""TTL of what is kept of a request until what asked for it has its end."""
VISIBILITY_SECONDS = 2 * 3600
"""After which Redis as a broker delivers an unacknowledged message again: longer than the longest deadline."""
SETTLED_SECONDS = VISIBILITY_SECONDS + 3600
"""TTL of what refuses a late delivery of a request that has ended."""

KeyName = Literal["attempt", "lease", "cancel", "image", "preview", "final"]


def queue_key(request_id: str, name: KeyName) -> str:
    """Return the key of a request in Redis."""
    return f"{PREFIX}{request_id}:{name}"


def report_key(worker: str) -> str:
    """Return the key of a Celery worker's report, which expires after REPORT_TTL_SECONDS."""
    return f"{PREFIX}worker:{worker}"


class QueuedRequest(BaseModel):
    """The message: a request for one picture, at one attempt."""

    request: GenerateRequest
    """Its `timeout_seconds` count from the moment at which it begins."""
    attempt: int = Field(ge=1)
    """Its number, a fencing token: an earlier one's message and failure are refused."""
    expires_at: float | None = None
    """When nothing waits for it any more, which also ends its time: seconds since the epoch by Redis's clock. None if
    it may begin at any time."""
    client: str | None = None
    """The id of the client whose share of the worker it counts against."""


class QueueNews(BaseModel):
    """What happened to a request. Redis writes it in one step with the state that it tells of."""

    event: Literal["begun", "ended", "returned"]
    """`returned` if its Celery worker was stopped, and put its message back."""
    id: str
    attempt: int
    worker: str = ""
    """The name of the Celery worker."""


class QueueProgress(BaseModel):
    """Progress of a request, whose preview, if there is one, is under the key `preview`."""

    id: str
    attempt: int
    progress: Progress
    has_preview: Literal[True] | None = None


Ending = Annotated[ResultLine | ErrorLine, Field(discriminator="event")]
"""How a request ended."""


class CeleryWorkerReport(BaseModel):
    """What a Celery worker says of itself."""

    name: str
    queues: list[str]
    """Those that it consumes."""
    concurrency: int
    """Pictures that it makes at a time."""
    running: int
    health: WorkerHealth
    """Without reasons, memory and past errors, as strangers see it."""
    models: ModelList
