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
    simulated: bool | None = None
    """Whether the sandbox stands in for its service."""
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
    "engines": {"__all__": {"state", "breaker", "median_seconds", "p90_seconds", "simulated"}},
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
    """Whether the sandbox stands in for the services of all enabled engines; else each engine says it."""


class SizeBounds(BaseModel):
    """Bounds within which a model makes any size, in pixels."""

    min_side: int
    max_side: int
    step: int
    """Of which both sides are multiples. A size between two steps is cut out of a larger one."""
    min_pixels: int | None = None
    """Width times height at least; None if only the sides are bounded. A smaller size is scaled down."""
    max_pixels: int | None = None


class ModelSizes(BaseModel):
    """The sizes that a model makes, each as width and height in pixels. Smaller ones of the same proportion are made of
    them by scaling down."""

    shapes: dict[Shape, Size] = {}
    """What comes of each shape."""
    native: list[Size] = []
    """Those that it is made for."""
    bounds: SizeBounds | None = None
    """Of all others; None if it makes no others."""


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
    """None if they are not known, and from older workers."""
    price: float | None = None
    """US dollars for a picture of the default parameters; 0 if it is free, None if it is not known."""
    quality: int | None = None
    """From 0, a sketch, to 4, the best models: how good its pictures are, as a judgement."""
    p50_seconds: float | None = None
    """Latency of the last hour's pictures of its engine, p50 and p90; None if there were none."""
    p90_seconds: float | None = None
    success_rate: float | None = None
    """Share of the last hour's attempts of its engine that brought a picture; None if there were none."""
    loaded: bool | None = None
    """Whether its weights are in memory, so that a picture need not wait for them; None if its engine keeps none."""
    loading: bool | None = None
    """Whether they are being loaded now."""
    size_bytes: int | None = None
    """What its weights take on disk, in bytes; None if they are not there, or if that is not known."""
    memory_mib: int | None = None
    """What they take of the device's memory, in MiB, for the operator; None if they are not loaded."""
    simulated: bool | None = None
    """Whether the sandbox stands in for its engine's service."""


class ModelList(BaseModel):
    """Every name that `model` accepts, besides `auto`."""

    models: list[Model]
    simulated: bool | None = None
    """Whether all of them are simulated that answer model=auto."""
