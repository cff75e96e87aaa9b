"""POST /models/load, GET /loras, POST /loras/load and POST /loras/unload: the weights that an engine keeps itself.

They are the operator's. Without such an engine each returns 503 `engine_not_configured`.
"""

import logging
from collections.abc import Coroutine
from typing import Any, TypeVar

from flask import Blueprint, Response

from render_worker.contract import LoadModelRequest, LoraRequest
from render_worker.errors import DeadlinePassed, Unauthorized
from render_worker.responses import json_response
from render_worker.routes.current import current_services, is_trusted, sent_body

LIST_SECONDS = 8.0  # the API tier waits for 10
LORA_SECONDS = 300.0  # its model may have to be loaded first
GRACE_SECONDS = 5.0  # for the engine to say that a model is still being loaded

T = TypeVar("T")

log = logging.getLogger(__name__)
weights = Blueprint("weights", __name__)


@weights.before_request
def require_trust() -> None:
    """Raise Unauthorized if the client is a stranger: what is loaded takes the place of other clients' models."""
    if not is_trusted():
        raise Unauthorized("WORKER_TOKEN has to be set, and sent as a bearer token, for this.")


@weights.post("/models/load")
def load_model() -> Response:
    """Load a model: a LoadModelRequest returns a LoadedModel, also if it is still being loaded at the timeout."""
    request = LoadModelRequest.parse_json(sent_body())
    loaded = _run(current_services().loading_engine.load_model(request), request.timeout_seconds + GRACE_SECONDS)
    log.info("model %s: loaded %s in %.1f seconds", loaded.model, loaded.loaded, loaded.seconds)
    return json_response(loaded)


@weights.get("/loras")
def loras() -> Response:
    """Return the names that `lora_path` accepts, as LoraList."""
    return json_response(_run(current_services().loading_engine.loras(), LIST_SECONDS))


@weights.post("/loras/load")
def load_lora() -> Response:
    """Check a LoRA against a model, and keep it with that: a LoraRequest returns a LoraState."""
    request = LoraRequest.parse_json(sent_body())
    return json_response(_run(current_services().loading_engine.load_lora(request), LORA_SECONDS))


@weights.post("/loras/unload")
def unload_lora() -> Response:
    """Remove a LoRA from every model: a LoraRequest returns a LoraState."""
    request = LoraRequest.parse_json(sent_body())
    return json_response(_run(current_services().loading_engine.unload_lora(request), LORA_SECONDS))


def _run(work: Coroutine[Any, Any, T], seconds: float) -> T:
    try:
        return current_services().runtime.run(work, seconds)
    except DeadlinePassed:
        raise DeadlinePassed(f"The engine did not answer within {seconds:.3g} seconds.") from None
