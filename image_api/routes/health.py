"""/health: this tier, and what it last heard of the worker. /ready: whether a picture could be made now."""

from typing import Any

from flask import Blueprint, Response, g
from pydantic import BaseModel

from image_api.errors import WorkerUnavailable
from image_api.services import services
from image_api.web.disclosure import shown_health, shown_problem
from image_api.web.responses import as_json
from render_worker.contract import VERSION

routes = Blueprint("health", __name__)


class LastKnownWorker(BaseModel):
    """What the last contact told of the worker, and when (UTC)."""

    status: str = "unknown"
    at: str | None = None


class ApiHealth(BaseModel):
    """This tier's own state."""

    status: str = "healthy"
    service: str = "image-api"
    version: str = VERSION
    worker_configured: bool
    worker: LastKnownWorker
    simulated: bool | None = None


class Ready(BaseModel):
    """The worker's state at this moment."""

    status: str = "ready"
    worker: dict[str, Any]
    """WorkerHealth, or what strangers see of it."""
    simulated: bool | None = None


@routes.get("/health")
def health() -> Response:
    """Answers at once, without asking the worker: fit for a platform's health check."""
    worker_tier = services().worker
    known = worker_tier.last_known
    worker = LastKnownWorker(status=known.status, at=known.at) if known else LastKnownWorker()
    return as_json(ApiHealth(worker_configured=worker_tier.configured, worker=worker))


@routes.get("/ready")
def ready() -> Response:
    """Tell whether the worker could make a picture some seconds ago; 503 `worker_unavailable` unless it could."""
    worker = services().worker.accepted_health(g.client)
    if not worker.ready:
        raise WorkerUnavailable(shown_problem(worker))
    return as_json(Ready(worker=shown_health(worker)))
