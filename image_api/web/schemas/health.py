"""The states of both tiers as /health, /ready and /wake return them."""

from typing import Any, Literal

from image_api.web.schemas.response_model import ResponseModel
from render_worker.contract import VERSION


class LastKnownWorker(ResponseModel):
    """The worker's state at the last contact, and the time of it (UTC)."""

    status: str = "unknown"
    at: str | None = None


class NumberedWorker(LastKnownWorker):
    """One of several render workers, by its number in PERCHANCE_WORKER_URL, from 1 on."""

    number: int


class ApiHealth(ResponseModel):
    """This tier's own state."""

    status: str = "healthy"
    service: str = "image-api"
    version: str = VERSION
    worker_configured: bool
    worker: LastKnownWorker
    """The best, if there are several."""
    workers: list[NumberedWorker] | None = None
    """Each render worker, if there are several."""
    simulated: bool | None = None


class StartingHealth(ResponseModel):
    """That this tier is up, and still loads what answers everything else, which takes some seconds on a free plan."""

    status: Literal["starting"] = "starting"
    service: Literal["image-api"] = "image-api"


class StyledHealth(ResponseModel):
    """That this tier is up, in the styled family's words."""

    status: Literal["ok"] = "ok"
    simulated: bool | None = None


class Readiness(ResponseModel):
    """The worker's state at this moment."""

    status: str = "ready"
    worker: dict[str, Any]
    """WorkerHealth, or the part of it that the client may see."""
    simulated: bool | None = None


class WakeStatus(ResponseModel):
    """Whether the worker is awake, and the expected seconds of its cold start if it is not."""

    status: Literal["awake", "waking"]
    expected_seconds: int
    worker: str | None = None
    """The worker's own word for its state, once it is awake."""
    simulated: bool | None = None
