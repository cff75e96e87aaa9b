"""The worker's JSON responses, and one shape for every error."""

import logging
from typing import Any

from flask import Flask, Response, request
from gunicorn.http.errors import ParseException
from pydantic import BaseModel
from werkzeug.exceptions import HTTPException

from render_worker.contract import ErrorBody, InvalidField
from render_worker.errors import OWN_FAULT, InvalidParameter, WorkerError
from render_worker.serving.error_responses import REFUSAL
from render_worker.serving.http_errors import HTTP_CODES, SENTENCES
from render_worker.serving.json_text import embeddable
from render_worker.serving.refusals import Refusal, refusal_of

REQUIRED_HEADERS = ("Allow", "Content-Range")  # of a 405 and a 416

log = logging.getLogger(__name__)


def json_response(body: BaseModel, status: int = 200, **fields: Any) -> Response:
    """Return a model as JSON without its empty fields; `fields` are model_dump_json's `include` or `exclude`."""
    text = embeddable(body.model_dump_json(exclude_none=True, **fields))
    return Response(text + "\n", status, {"Cache-Control": "no-store"}, mimetype="application/json")


def error_response(body: ErrorBody, status: int) -> Response:
    """Return an error as JSON, with Retry-After if it says when to retry."""
    response = json_response(body, status)
    if body.retry_after is not None:
        response.headers["Retry-After"] = str(body.retry_after)
    return response


def failure_response(error: WorkerError, request_id: str | None = None) -> Response:
    """Return the response to a request that failed so."""
    return error_response(error.body(request_id), error.status)


def register_error_handlers(app: Flask) -> None:
    """Let every error that a view raises be answered in the one shape, and every request that is no HTTP.

    To be called first: such a request has no token that could be checked.
    """
    app.before_request(_refuse_invalid_http)
    app.register_error_handler(InvalidField, lambda error: failure_response(InvalidParameter(str(error))))
    app.register_error_handler(WorkerError, failure_response)
    app.register_error_handler(ParseException, _invalid_http)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _unforeseen)


def _refuse_invalid_http() -> Response | None:
    """Return the response to a request that gunicorn could not read; None if it could."""
    refusal: Refusal | None = request.environ.get(REFUSAL)
    return _refusal_response(refusal) if refusal else None


def _refusal_response(refusal: Refusal) -> Response:
    return error_response(refusal.body(), refusal.status)


def _invalid_http(error: ParseException) -> Response:
    return _refusal_response(refusal_of(error))


def _http_error(error: HTTPException) -> Response:
    status = error.code or 500
    sentence = SENTENCES.get(status, f"{error.name}.")
    response = json_response(ErrorBody(error=sentence, code=HTTP_CODES.get(status, "invalid_parameter")), status)
    told = error.get_response().headers
    response.headers.update({name: told[name] for name in REQUIRED_HEADERS if name in told})
    return response


def _unforeseen(error: Exception) -> Response:
    log.exception("unexpected error", exc_info=error)
    return failure_response(WorkerError(OWN_FAULT))
