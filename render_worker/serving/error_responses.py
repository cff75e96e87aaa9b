"""gunicorn's own error responses, for requests that reach no view: in our JSON shape, and never echoing the request."""

import contextlib
import logging
import ssl
from typing import Any

from gunicorn.http.errors import (
    ConfigurationProblem,
    ExpectationFailed,
    InvalidResponseHeader,
    InvalidResponseHeaderName,
    LimitRequestHeaders,
    LimitRequestLine,
    ParseException,
    UnsupportedTransferCoding,
)
from werkzeug.http import HTTP_STATUS_CODES

from render_worker.contract import ErrorBody

RESPONSES: dict[type[Exception], tuple[int, str, str]] = {
    LimitRequestLine: (414, "too_large", "The address of the request is too long."),
    LimitRequestHeaders: (431, "too_large", "The headers of the request are too large."),
    ExpectationFailed: (417, "invalid_http", "The request's Expect header asks for what is not known here."),
    UnsupportedTransferCoding: (501, "invalid_http", "The request's Transfer-Encoding is not known here."),
}
INVALID_HTTP = 400, "invalid_http", "The request is not valid HTTP."
INTERNAL_ERROR = 500, "internal_error", "The service failed by its own fault."
OWN_ERRORS = (InvalidResponseHeader, InvalidResponseHeaderName, ConfigurationProblem)

log = logging.getLogger(__name__)


class JsonErrorResponses:
    """A mixin for gunicorn's workers: their own error responses are JSON, and logged in one short line."""

    error_headers: tuple[tuple[str, str], ...] = ()

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Send the error response, with `Connection: close`."""
        if not isinstance(exc, Exception):
            return  # the process ends
        status, code, sentence = _described(exc)
        if status == INTERNAL_ERROR[0]:
            log.error("unexpected error in a request", exc_info=exc)
        else:
            peer = addr[0] if isinstance(addr, tuple) and addr else "a socket"
            log.warning("rejected a request from %s: %s: %s", peer, type(exc).__name__, exc)
        with contextlib.suppress(OSError):  # the client has gone
            client.sendall(_response(status, ErrorBody(error=sentence, code=code), self.error_headers))


def _described(error: BaseException) -> tuple[int, str, str]:
    if not isinstance(error, ParseException | ssl.SSLError) or isinstance(error, OWN_ERRORS):
        return INTERNAL_ERROR
    return next((response for kind, response in RESPONSES.items() if isinstance(error, kind)), INVALID_HTTP)


def _response(status: int, body: ErrorBody, headers: tuple[tuple[str, str], ...]) -> bytes:
    text = body.model_dump_json(exclude_none=True) + "\n"
    fields = [
        ("Connection", "close"),
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(text))),
        ("Cache-Control", "no-store"),
        ("X-Content-Type-Options", "nosniff"),
        *headers,
    ]
    lines = [f"HTTP/1.1 {status} {HTTP_STATUS_CODES[status]}", *(f"{name}: {value}" for name, value in fields)]
    return ("\r\n".join(lines) + "\r\n\r\n" + text).encode("latin-1")
