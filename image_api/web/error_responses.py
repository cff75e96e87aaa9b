"""Errors as responses: one shape, or the error format of a family of routes."""

import logging
from typing import Any

from flask import Blueprint, Flask, Response, current_app, g, request
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from image_api.auth.errors import LEAKED
from image_api.errors import ApiError, InvalidParameter, SpeculativeRequest
from image_api.limits.errors import RateLimited
from image_api.web.access import key_refusal
from image_api.web.current import current_request
from image_api.web.disclosure import visible_error
from image_api.web.responses import json_response, set_retry_after
from image_api.web.schemas.error_format import ErrorFormat
from image_api.web.sent_credentials import is_credential_in_address
from render_worker.contract import ErrorBody, InvalidField
from render_worker.serving.error_responses import REFUSAL
from render_worker.serving.http_errors import HTTP_CODES, SENTENCES
from render_worker.serving.refusals import Refusal, refusal_of

AUTOMATIC_METHODS = {"HEAD", "OPTIONS"}  # of every view


log = logging.getLogger(__name__)


class FormattedBlueprint(Blueprint):
    """A family of routes whose errors have a format of their own, also at URLs below its paths that have no view.

    Without one it has the common shape at its paths, which may be below those of another family.
    """

    def __init__(
        self,
        *arguments: Any,
        error_format: type[ErrorFormat] | None,
        error_paths: tuple[str, ...],
        not_found: str = "Not Found.",
    ) -> None:
        """Apply the format to errors at and below `error_paths`; the longest path that matches counts.

        `not_found` is the sentence for URLs without a view.
        """
        super().__init__(*arguments)
        self.error_format = error_format
        self.error_paths = error_paths
        self.not_found = not_found


def register(app: Flask) -> None:
    """Respond to every error in the format of its family of routes, also to a request that is no HTTP."""
    app.before_request(_refuse_invalid_http)
    app.register_error_handler(ApiError, _api_error_response)
    app.register_error_handler(InvalidField, lambda error: _api_error_response(InvalidParameter(str(error))))
    app.register_error_handler(ParseException, _malformed_body_response)
    app.register_error_handler(HTTPException, http_error_response)
    app.register_error_handler(Exception, _unexpected_error_response)


def _refuse_invalid_http() -> Response | None:
    """Return the response to a request that gunicorn could not read; None if it could."""
    refusal: Refusal | None = current_request().environ.get(REFUSAL)
    return _refusal_response(refusal) if refusal else None


def _refusal_response(refusal: Refusal) -> Response:
    return _error_response(refusal.body(), refusal.status)


def log_failure(error: ApiError) -> ErrorBody:
    """Log an error unless the client caused it, and return its body as the client may see it."""
    body = error.body()
    # /ready is polled until all is well, and a browser's speculation is no failure.
    if error.status >= 500 and request.path != "/ready" and not isinstance(error, SpeculativeRequest):
        log.warning("%s: request failed: %s: %s", g.request_id, body.code, body.error, extra={"kind": body.code})
    body = visible_error(body)
    return body.model_copy(update={"hint": hint}) if (hint := _hint_of_credential(error)) else body


def _hint_of_credential(error: ApiError) -> str | None:
    """Return what an error has to do with the request's credential that its own sentence does not say."""
    if isinstance(error, InvalidParameter) and is_credential_in_address():
        return LEAKED  # beside a right one, and with AUTH=none, it is an unknown parameter
    if isinstance(error, RateLimited) and (refusal := key_refusal()):
        return f"{refusal} So the limits of clients without a key apply."
    return None


def _api_error_response(error: ApiError) -> Response:
    body = log_failure(error)
    response = _error_response(body, error.status)
    response.headers.update(error.headers)
    set_retry_after(response, body.retry_after)
    return response


def _malformed_body_response(error: ParseException) -> Response:
    return _refusal_response(refusal_of(error))


def http_error_response(error: HTTPException) -> Response:
    """Return the response to what is wrong with a request's address, method or form."""
    status = error.code or 500
    body = ErrorBody(error=_sentence(error, status), code=HTTP_CODES.get(status, "invalid_parameter"))
    if status == 404:
        body.hint = "GET / lists what there is."
    response = _error_response(body, status)
    if status == 405 and (allowed := error.get_response().headers.get("Allow")):
        response.headers["Allow"] = allowed
    return response


def _sentence(error: HTTPException, status: int) -> str:
    family = family_of(request.path)
    if status == 404 and family:
        return family.not_found
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        return f"This address takes {', '.join(sorted({*error.valid_methods} - AUTOMATIC_METHODS))} alone."
    return SENTENCES.get(status, f"{error.name}.")


def _unexpected_error_response(error: Exception) -> Response:
    log.exception("%s: unexpected error", g.request_id, exc_info=error)
    return _api_error_response(ApiError("The service failed by its own fault."))


def _error_response(body: ErrorBody, status: int) -> Response:
    body = body.model_copy(update={"request_id": g.request_id})
    shape = error_format_of(request.path)
    return json_response(shape.of(body, status) if shape else body, status)


def family_of(url: str) -> FormattedBlueprint | None:
    """Return the family of routes that a path belongs to; None if it belongs to none."""
    families = [family for family in current_app.blueprints.values() if isinstance(family, FormattedBlueprint)]
    paths = {path: family for family in families for path in family.error_paths}
    matching = [path for path in paths if f"{url}/".startswith(f"{path}/")]
    return paths[max(matching, key=len)] if matching else None


def error_format_of(url: str) -> type[ErrorFormat] | None:
    """Return the format of errors at a path; None if it is the common shape."""
    family = family_of(url)
    return family.error_format if family else None
