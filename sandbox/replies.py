"""Responses that several stand-ins give."""

import json
import socket
import struct

from flask import Response, request

from sandbox.clients import wait_connected
from sandbox.state import LoggedRequest

CHALLENGE = """<!DOCTYPE html><html lang="en-US"><head><title>Just a moment...</title></head><body>
<script>window._cf_chl_opt={};</script><script src="/cdn-cgi/challenge-platform/h/b/orchestrate/chl_page/v1"></script>
</body></html>"""


def json_reply(document: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return a document as JSON, its keys in their order."""
    return Response(json.dumps(document), status, headers or {}, mimetype="application/json")


def html_reply(title: str, status: int = 200) -> Response:
    """Return an HTML page that is no more than its title."""
    return Response(f"<!DOCTYPE html><title>{title}</title>", status, mimetype="text/html")


def challenge() -> Response:
    """Return the page by which Cloudflare asks for a human check."""
    return Response(CHALLENGE, 403, {"cf-mitigated": "challenge"}, mimetype="text/html")


def client_gone() -> Response:
    """Return a response to a client that has hung up."""
    return Response(status=499)


def hang(entry: LoggedRequest) -> Response:
    """Answer nothing until the client hangs up."""
    wait_connected(entry)
    return client_gone()


def reset() -> Response:
    """End the connection without a response, as a host that crashes does."""
    connection: socket.socket = request.environ["gunicorn.socket"]
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
    return client_gone()
