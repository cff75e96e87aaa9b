"""What a client may see of the worker's state: all of it with the worker's token, else what is meant for strangers."""

from typing import Any

from flask import request

from image_api.services import services
from render_worker.contract import PUBLIC_HEALTH, ErrorBody, ModelList, WorkerHealth
from render_worker.serving.bearer_tokens import has_bearer_token

OUT_OF_USE = "The engine cannot be used at the moment; its operator has to see to it."
# In the worker's own sentences for these stand a service's words about the operator's account.
FOR_STRANGERS = {
    "engine_unauthorized": OUT_OF_USE,
    "engine_quota_exhausted": OUT_OF_USE,
    "engine_resting": "The engine is left alone for a while after failures.",
}


def has_token() -> bool:
    """Whether the request carries the worker's token; a wrong one is none."""
    token = services().settings.worker_token
    return token is not None and has_bearer_token(request.headers.get("Authorization"), token.get_secret_value())


def shown_health(worker: WorkerHealth) -> dict[str, Any]:
    """Return of the worker's state what this client may see."""
    return worker.model_dump(include=None if has_token() else PUBLIC_HEALTH, exclude_none=True)


def shown_models(known: ModelList) -> ModelList:
    """Return the names with the reasons of their states if this client may see those."""
    if has_token():
        return known
    return known.model_copy(update={"models": [it.model_copy(update={"reason": None}) for it in known.models]})


def shown_problem(worker: WorkerHealth) -> str:
    """Return why no picture could be made, as far as this client may know."""
    states = [f"{name} is {engine.state}" for name, engine in worker.engines.items() if engine.state != "ready"]
    more = "; ".join(it.rstrip(".") for it in (worker.reasons if has_token() else states))
    return f"The render worker is {worker.status}: {more}." if more else f"The render worker is {worker.status}."


def shown_failure(body: ErrorBody) -> ErrorBody:
    """Return a failure as this client may see it: its code says all that a client needs of an account's trouble."""
    if body.code not in FOR_STRANGERS or has_token():
        return body
    return body.model_copy(update={"error": FOR_STRANGERS[body.code]})
