"""/health: this tier, and the last known state of the worker. /ready: whether a picture can be generated now."""

from flask import Blueprint, Response, g

from image_api.errors import WorkerUnavailable
from image_api.services import services
from image_api.web.api import JSON, Answer, describe
from image_api.web.api_answers import WORKER
from image_api.web.disclosure import visible_health, visible_problem
from image_api.web.responses import json_response
from image_api.web.schemas.health import ApiHealth, Readiness, StartingHealth
from image_api.web.worker_states import last_known_worker, numbered_workers

routes = Blueprint("health", __name__)


@routes.get("/health")
@describe({200: Answer("This tier's own state.", {JSON: (ApiHealth, StartingHealth)})})
def health() -> Response:
    """Return this tier's state at once, without a request to the worker: fit for a platform's health check."""
    configured = services().worker.configured
    return json_response(
        ApiHealth(worker_configured=configured, worker=last_known_worker(), workers=numbered_workers())
    )


@routes.get("/ready")
@describe(Readiness, errors=WORKER, summary="Return 200 if a picture could be made, by the worker's recent state.")
def ready() -> Response:
    """Return the worker's state of some seconds ago. Raises WorkerUnavailable if it could not generate a picture."""
    worker = services().worker.accepted_health(g.client)
    if not worker.ready:
        raise WorkerUnavailable(visible_problem(worker))
    return json_response(Readiness(worker=visible_health(worker)))
