"""gunicorn's own error responses, for requests that reach no view: the application answers, in its own format."""

import contextlib
import logging
import re
import ssl
from http import HTTPStatus
from typing import Any

from gunicorn.http.errors import InvalidRequestLine, ParseException
from gunicorn.http.message import Request
from gunicorn.http.parser import RequestParser

from render_worker.serving.refusals import INTERNAL_ERROR, Refusal, refusal_of
from render_worker.serving.security_headers import STRICTEST_POLICY

REFUSAL = "serving.refusal"
"""Key of the environment with the Refusal with which the application has to answer, whatever the request is."""
REQUEST_LINE = re.compile(r"([A-Z]{3,20}) /*(/[!->@-~]*)")
ORIGIN = re.compile(rb"(?:\A|\r\n)origin:[ \t]*([!-~]{1,200})[ \t]*(?:\r\n|\Z)", re.IGNORECASE)
TOKEN_START = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]")
MAX_SHOWN = 100  # of what is no HTTP, in the log

log = logging.getLogger(__name__)


class IdentifiedRequest(Request):  # type: ignore[misc]  # gunicorn has no types
    """A request whose first line and headers are known to the error that refuses it, and that trusts no proxy."""

    line: bytes | bytearray = b""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        try:
            super().__init__(*arguments, **options)
        except ParseException as error:
            error.refused = self
            raise
        self.line = b""  # its parts are kept

    def _peer_trusted_for_forwarded(self) -> tuple[dict[str, str], list[str]]:
        """Return that no peer's headers decide anything, which is what both tiers' settings of gunicorn say.

        gunicorn would parse the peer's address for each request to find that out.
        """
        return {}, []

    def read_line(self, unreader: Any, buf: bytearray, limit: int = 0) -> tuple[bytes, bytearray]:
        """Return the first line and the bytes after it. Raises as gunicorn's own does, and as `require_http`."""
        require_http(buf)
        self.line = buf  # it grows in place
        found: tuple[bytes, bytearray] = super().read_line(unreader, buf, limit)
        self.line = found[0]
        return found

    def parse_headers(self, data: bytes, from_trailer: bool = False) -> list[tuple[str, str]]:
        """Return the headers; if one is invalid, the page that sent the request is still known. Raises as gunicorn."""
        try:
            found: list[tuple[str, str]] = super().parse_headers(data, from_trailer)
        except ParseException:
            if not from_trailer and (origin := ORIGIN.search(data)):
                self.headers = [("ORIGIN", origin[1].decode())]
            raise
        return found


class JsonErrorResponses:
    """A mixin for gunicorn's workers: the application sends their error responses; each is logged in one short line."""

    error_headers: tuple[tuple[str, str], ...] = ()
    """Headers of the response if the application itself has failed."""
    wsgi: Any

    def init_process(self) -> None:
        """Have requests identify themselves, in this process alone."""
        RequestParser.mesg_class = IdentifiedRequest
        super().init_process()  # type: ignore[misc]  # gunicorn's

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Send the error response, with `Connection: close`."""
        if not isinstance(exc, Exception):
            return  # the process ends
        peer = addr[0] if isinstance(addr, tuple) and addr else ""
        refusal = refusal_of(exc)
        if isinstance(exc, ssl.SSLError) or refusal is not INTERNAL_ERROR:
            # Not gunicorn's own errors, which repeat what the client sent, such as a prompt.
            reason = exc if isinstance(exc, ssl.SSLError) else refusal.sentence
            log.warning("rejected a request from %s: %s: %s", peer or "a socket", type(exc).__name__, reason)
        else:
            log.error("unexpected error in a request", exc_info=exc)
        with contextlib.suppress(OSError):  # the client has gone
            if refusal is INTERNAL_ERROR:
                client.sendall(_failure_response(self.error_headers))
            else:
                client.sendall(_response(self.wsgi, refusal, req or getattr(exc, "refused", None), peer))


def require_http(beginning: bytes | bytearray) -> None:
    """Raise InvalidRequestLine if the first bytes of a request cannot be HTTP, such as a TLS handshake's."""
    if beginning and not TOKEN_START.match(beginning):
        raise InvalidRequestLine(beginning[:MAX_SHOWN].decode("latin-1"))


def _response(application: Any, refusal: Refusal, refused: Any, peer: str) -> bytes:
    """Return the application's response to a request that was refused, of which as much as is known is told."""
    from werkzeug.test import create_environ, run_wsgi_app  # not before gunicorn listens: it loads all of Werkzeug

    line = getattr(refused, "line", b"").decode("latin-1")
    method, path = found.groups() if (found := REQUEST_LINE.match(line)) else ("GET", "/")
    environ = create_environ(path, method=method, headers=[it for it in _headers(refused) if it[0] == "ORIGIN"])
    environ |= {REFUSAL: refusal, "REMOTE_ADDR": peer}
    chunks, status, headers = run_wsgi_app(application, environ, buffered=True)
    return _encoded(status, [("Connection", "close"), *headers], b"".join(chunks))


def _headers(refused: Any) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = getattr(refused, "headers", [])
    return found


def _failure_response(headers: tuple[tuple[str, str], ...]) -> bytes:
    """Return the response to a request that the application has failed to answer."""
    text = INTERNAL_ERROR.body().model_dump_json(exclude_none=True).encode() + b"\n"
    fields = [
        ("Connection", "close"),
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(text))),
        ("Cache-Control", "no-store"),
        ("X-Content-Type-Options", "nosniff"),
        ("Content-Security-Policy", STRICTEST_POLICY),
        *headers,
    ]
    return _encoded(f"{INTERNAL_ERROR.status} {HTTPStatus(INTERNAL_ERROR.status).phrase}", fields, text)


def _encoded(status: str, headers: list[tuple[str, str]], body: bytes) -> bytes:
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in headers)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body
