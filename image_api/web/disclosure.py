"""Disclosure of the worker's state: all of it to clients with the worker's token, the public part to others."""

from typing import Any

from flask import request

from image_api.public_errors import public_error
from image_api.services import services
from render_worker.contract import PUBLIC_HEALTH, ErrorBody, ModelList, WorkerHealth
from render_worker.serving.bearer_tokens import has_bearer_token


def has_token() -> bool:
    """Return whether the request carries the worker's token; a wrong one counts as none."""
    token = services().settings.worker_token
    return token is not None and has_bearer_token(request.headers.get("Authorization"), token.get_secret_value())


def visible_health(worker: WorkerHealth) -> dict[str, Any]:
    """Return the part of the worker's health that this client may see."""
    return worker.model_dump(include=None if has_token() else PUBLIC_HEALTH, exclude_none=True)


def visible_models(known: ModelList) -> ModelList:
    """Return the models, with the reasons of their states and what memory they take if this client may see those."""
    if has_token():
        return known
    hidden = {"reason": None, "memory_mib": None}
    return known.model_copy(update={"models": [it.model_copy(update=hidden) for it in known.models]})


def visible_problem(worker: WorkerHealth) -> str:
    """Return why no picture can be generated, as far as this client may see it."""
    states = [f"{name} is {engine.state}" for name, engine in worker.engines.items() if engine.state != "ready"]
    reasons = "; ".join(it.rstrip(".") for it in (worker.reasons if has_token() else states))
    maker = "Celery worker" if services().queue_health else "render worker"
    return f"The {maker} is {worker.status}: {reasons}." if reasons else f"The {maker} is {worker.status}."


def visible_error(body: ErrorBody) -> ErrorBody:
    """Return an error as this client may see it: its code says enough of a problem with the operator's account."""
    return body if has_token() else public_error(body)
