"""What the worker reports of itself: its health and its models, and which of it is public."""

from typing import Any, Literal

from pydantic import BaseModel

from render_worker.contract.sizes import Shape, Size

VERSION = "0.1.0"
SERVICE = "render-worker"
SERVICE_HEADER = "X-Service"  # with SERVICE on every response of a worker; the error page of an edge lacks it


class QueueHealth(BaseModel):
    """Generations in flight, the queue depth, and the limits of both."""

    running: int
    waiting: int
    max_concurrency: int
    queue_size: int


class SessionHealth(BaseModel):
    """One browser session at an engine's site, and the pictures that it has made since it was opened."""

    state: Literal["closed", "idle", "working"]
    images: int


class EngineHealth(BaseModel):
    """One engine's state and, if it is not ready, the reason."""

    state: Literal["starting", "ready", "resting", "down"]
    reason: str | None = None
    breaker: Literal["closed", "open", "half-open"] = "closed"
    """The circuit breaker: `open` after failures; `half-open` when the next request may be tried."""
    details: dict[str, int | str | bool] = {}
    median_seconds: float | None = None
    """Latency of recent pictures, p50 and p90; left out before the first."""
    p90_seconds: float | None = None
    sessions: list[SessionHealth] | None = None


class MemoryHealth(BaseModel):
    """Anonymous and shared memory of the worker with its browser, in MiB, and its limit, if that is known."""

    used_mib: int
    limit_mib: int | None = None


class PastError(BaseModel):
    """An error that the worker remembers."""

    at: str
    code: str
    error: str
    model: str
    request_id: str


# What of WorkerHealth is shown without the worker's token: no reasons, memory or past errors. It is an allowlist, so
# that a new field is hidden until it is listed.
PUBLIC_HEALTH: dict[str, Any] = {
    **dict.fromkeys(("status", "ready", "service", "version", "uptime_seconds", "queue", "storage", "simulated"), True),
    "engines": {"__all__": {"state", "breaker", "median_seconds", "p90_seconds"}},
}


class WorkerHealth(BaseModel):
    """The worker's health. `busy` means that every slot is taken: the next request is queued or refused."""

    status: Literal["starting", "ready", "busy", "degraded"]
    reasons: list[str] = []
    ready: bool
    """Whether a request with model=auto would be tried now."""
    service: str = SERVICE
    version: str = VERSION
    uptime_seconds: int
    queue: QueueHealth
    engines: dict[str, EngineHealth]
    memory: MemoryHealth | None = None
    storage: str
    last_errors: list[PastError] = []
    warnings: list[str] = []
    simulated: bool | None = None


class ModelSizes(BaseModel):
    """The sizes that a model makes, each as width and height in pixels; None or empty if that is not known."""

    shapes: dict[Shape, Size]
    """What comes of each shape."""
    native: list[Size] = []
    min_side: int | None = None
    """With the next two: the bounds of all other sizes; left out if it makes only the native ones, and smaller."""
    max_side: int | None = None
    max_pixels: int | None = None


class Model(BaseModel):
    """A name that `model` accepts."""

    name: str
    description: str
    engine: str | None = None
    """The engine that has the name; None from older workers."""
    answers_auto: bool
    state: str
    reason: str | None = None
    honours: list[str] = []
    """The parameters that it honours beside prompt and shape."""
    sizes: ModelSizes | None = None
    """From workers that tell it."""


class ModelList(BaseModel):
    """Every name that `model` accepts, besides `auto`."""

    models: list[Model]
    simulated: bool | None = None
