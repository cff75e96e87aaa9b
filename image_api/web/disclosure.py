"""Disclosure of the worker's state: all of it to the operator and to admins, the public part to other clients."""

from typing import Any

from flask import g

from image_api.auth.account import ADMIN, Account
from image_api.public_errors import public_error
from image_api.services import services
from image_api.web.current import current_request
from render_worker.contract import PUBLIC_HEALTH, ErrorBody, ModelList, WorkerHealth
from render_worker.serving.bearer_tokens import has_bearer_token


def has_token() -> bool:
    """Return whether the request carries the worker's token; a wrong one counts as none."""
    token = services().settings.worker_token
    if token is None:
        return False
    return has_bearer_token(current_request().environ.get("HTTP_AUTHORIZATION"), token.get_secret_value())


def is_operator() -> bool:
    """Return whether the request carries the worker's token, or was authorized as an admin's; wrong ones are none."""
    account: Account | None = g.get("account")
    return (account is not None and ADMIN in account.scopes) or has_token()


def visible_health(worker: WorkerHealth) -> dict[str, Any]:
    """Return the part of the worker's health that this client may see."""
    return worker.model_dump(include=None if is_operator() else PUBLIC_HEALTH, exclude_none=True)


def visible_models(known: ModelList) -> ModelList:
    """Return the models, with the reasons of their states and what memory they take if this client may see those."""
    if is_operator():
        return known
    hidden = {"reason": None, "memory_mib": None}
    return known.model_copy(update={"models": [it.model_copy(update=hidden) for it in known.models]})


def visible_problem(worker: WorkerHealth) -> str:
    """Return why no picture can be generated, as far as this client may see it."""
    states = [f"{name} is {engine.state}" for name, engine in worker.engines.items() if engine.state != "ready"]
    reasons = "; ".join(it.rstrip(".") for it in (worker.reasons if is_operator() else states))
    maker = "Celery worker" if services().queue else "render worker"
    return f"The {maker} is {worker.status}: {reasons}." if reasons else f"The {maker} is {worker.status}."


def visible_error(body: ErrorBody) -> ErrorBody:
    """Return an error as this client may see it: its code says enough of a problem with the operator's account."""
    return body if is_operator() else public_error(body)
