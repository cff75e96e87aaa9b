"""How every answer looks: one JSON shape for results and one for errors, and the address of a picture."""

import logging
import re
import uuid
from typing import Any

from flask import Flask, Response, current_app, g, request
from gunicorn.http.errors import ParseException
from pydantic import BaseModel
from werkzeug.exceptions import HTTPException

from image_api.errors import ApiError, InvalidParameter
from image_api.settings import Settings
from render_worker.contract import MAX_BODY_BYTES, ErrorBody, InvalidField

HTTP_CODES = {404: "not_found", 405: "method_not_allowed", 408: "request_timeout", 413: "too_large"}
SENTENCES = {
    408: "The body did not come in time.",
    413: f"The body is larger than {MAX_BODY_BYTES // 1024} KiB.",
}
SAFE_HOST = re.compile(r"[A-Za-z0-9._:\[\]-]+")  # what a host name, an address and a port are made of

log = logging.getLogger(__name__)


def settings() -> Settings:
    """This application's settings."""
    found: Settings = current_app.extensions["settings"]
    return found


def as_json(body: BaseModel, status: int = 200, **changes: Any) -> Response:
    """A model as JSON, without what is None; never cached, marked where the outside world was simulated."""
    if settings().simulated and "simulated" in type(body).model_fields:
        changes["simulated"] = True
    text = body.model_copy(update=changes).model_dump_json(exclude_none=True)
    return Response(text + "\n", status, {"Cache-Control": "no-store"}, mimetype="application/json")


def base_address() -> str:
    """The address under which the caller reaches this service, without a slash at the end."""
    configured = settings().public_base_url or settings().render_external_url
    if configured:
        return configured.rstrip("/")
    if not SAFE_HOST.fullmatch(request.host):
        raise InvalidParameter("The Host header must be a host name.")
    return request.host_url.rstrip("/")


def absolute(address: str) -> str:
    """An address as the caller can use it: the worker's own ones begin with a slash."""
    return base_address() + address if address.startswith("/") else address


def register(app: Flask) -> None:
    """Give every request an id, and every failure the one shape."""
    app.before_request(_name_request)
    app.after_request(_tell_request)
    app.register_error_handler(ApiError, _failed)
    app.register_error_handler(InvalidField, lambda error: _failed(InvalidParameter(str(error))))
    app.register_error_handler(
        ParseException, lambda error: _failed(InvalidParameter(f"The body is no HTTP: {error}."))
    )
    app.register_error_handler(HTTPException, _refused)
    app.register_error_handler(Exception, _unforeseen)


def _name_request() -> None:
    g.request_id = uuid.uuid4().hex


def _tell_request(response: Response) -> Response:
    response.headers["X-Request-ID"] = g.request_id
    return response


def _failed(error: ApiError) -> Response:
    body = error.body()
    if error.status >= 500 and request.path != "/ready":  # a probe asks again and again until all is well
        log.warning("%s failed: %s: %s", g.request_id, body.code, body.error)
    answer = as_json(body, error.status, request_id=g.request_id)
    if body.retry_after is not None:
        answer.headers["Retry-After"] = str(body.retry_after)
    return answer


def _refused(error: HTTPException) -> Response:
    status = error.code or 500
    sentence = SENTENCES.get(status, f"{error.name}.")
    body = ErrorBody(error=sentence, code=HTTP_CODES.get(status, "invalid_parameter"))
    if status == 404:
        body.hint = "GET / lists what there is."
    answer = as_json(body, status, request_id=g.request_id)
    if status == 405 and (allowed := error.get_response().headers.get("Allow")):
        answer.headers["Allow"] = allowed
    return answer


def _unforeseen(error: Exception) -> Response:
    log.exception("%s failed unforeseen", g.request_id, exc_info=error)
    return _failed(ApiError("The service failed by its own fault."))
