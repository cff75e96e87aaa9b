"""How every answer looks: JSON, one shape for errors or a family's own dialect of it, and the address of a picture."""

import logging
import uuid
from collections.abc import Callable
from typing import Any

from flask import Blueprint, Flask, Response, current_app, g, request
from gunicorn.http.errors import ParseException
from pydantic import BaseModel
from werkzeug.exceptions import HTTPException

from image_api.errors import ApiError, InvalidParameter, SpeculativeRequest
from image_api.services import services
from image_api.web.disclosure import shown_failure
from image_api.web.trusted_proxies import CLIENT
from render_worker.contract import MAX_BODY_BYTES, ErrorBody, InvalidField
from render_worker.serving.logs import shortened

HTTP_CODES = {404: "not_found", 405: "method_not_allowed", 408: "request_timeout", 413: "too_large"}
SENTENCES = {
    408: "The body did not come in time.",
    413: f"The body is larger than {MAX_BODY_BYTES // 1024} KiB.",
}

Dialect = Callable[[ErrorBody, int], BaseModel]
"""Tells a failure and its status in the shape that a family's callers know."""

log = logging.getLogger(__name__)


def speak(family: Blueprint, path: str, dialect: Dialect) -> None:
    """Have failures at this path and below told in a family's dialect, also where no view is.

    Where several paths fit, the longest counts.
    """
    family.record(lambda state: state.app.extensions.setdefault("dialects", {}).update({path: dialect}))


def json_text(body: BaseModel, **changes: Any) -> str:
    """A model as JSON without what is None, marked where the outside world was simulated."""
    if services().settings.simulated and "simulated" in type(body).model_fields:
        changes["simulated"] = True
    return body.model_copy(update=changes).model_dump_json(exclude_none=True)


def as_json(body: BaseModel, status: int = 200, **changes: Any) -> Response:
    """A model as an answer that nobody caches."""
    text = json_text(body, **changes)
    return Response(text + "\n", status, {"Cache-Control": "no-store"}, mimetype="application/json")


def base_address() -> str:
    """The address under which the caller reaches this service, without a slash at the end."""
    configured = services().settings.public_base_url or services().settings.render_external_url
    if configured:
        return configured.rstrip("/")
    if not request.host:  # what is no host name or address is none
        raise InvalidParameter("The Host header must be a host name.")
    return f"{request.scheme}://{request.host}{request.root_path}"


def absolute(address: str, base: str) -> str:
    """A picture's address as a caller can reach it; one that starts with a slash is below ours."""
    return base + address if address.startswith("/") else address


def register(app: Flask) -> None:
    """Give every request an id and its client's, and every failure the one shape."""
    app.before_request(_name_request)
    app.after_request(_tell_request)
    app.register_error_handler(ApiError, _failed)
    app.register_error_handler(InvalidField, lambda error: _failed(InvalidParameter(str(error))))
    app.register_error_handler(
        ParseException, lambda error: _failed(InvalidParameter(f"The body is no HTTP: {shortened(str(error))}."))
    )
    app.register_error_handler(HTTPException, _refused)
    app.register_error_handler(Exception, _unforeseen)


def _name_request() -> None:
    g.request_id = uuid.uuid4().hex
    g.client = services().client_ids.id_of(request.environ.get(CLIENT))


def _tell_request(response: Response) -> Response:
    response.headers["X-Request-ID"] = g.request_id
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers.setdefault("Cache-Control", "no-store")  # of what Flask answers by itself, as to OPTIONS
    return response


def note_failure(error: ApiError) -> ErrorBody:
    """Log a failure that is no caller's fault; the body that tells it to him."""
    body = error.body()
    # A probe asks again and again until all is well, and a guess of a browser's is no failure.
    if error.status >= 500 and request.path != "/ready" and not isinstance(error, SpeculativeRequest):
        log.warning("%s failed: %s: %s", g.request_id, body.code, body.error, extra={"kind": body.code})
    return shown_failure(body)


def _failed(error: ApiError) -> Response:
    body = note_failure(error)
    answer = _told(body, error.status)
    answer.headers.update(error.headers)
    if body.retry_after is not None:
        answer.headers["Retry-After"] = str(body.retry_after)
    return answer


def _refused(error: HTTPException) -> Response:
    status = error.code or 500
    sentence = SENTENCES.get(status, f"{error.name}.")
    body = ErrorBody(error=sentence, code=HTTP_CODES.get(status, "invalid_parameter"))
    if status == 404:
        body.hint = "GET / lists what there is."
    answer = _told(body, status)
    if status == 405 and (allowed := error.get_response().headers.get("Allow")):
        answer.headers["Allow"] = allowed
    return answer


def _unforeseen(error: Exception) -> Response:
    log.exception("%s failed unforeseen", g.request_id, exc_info=error)
    return _failed(ApiError("The service failed by its own fault."))


def _told(body: ErrorBody, status: int) -> Response:
    dialects: dict[str, Dialect] = current_app.extensions.get("dialects", {})
    body = body.model_copy(update={"request_id": g.request_id})
    here = [path for path in dialects if f"{request.path}/".startswith(f"{path}/")]
    return as_json(dialects[max(here, key=len)](body, status) if here else body, status)
