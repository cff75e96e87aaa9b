"""A request's host, and its check against ALLOWED_HOSTS (DNS rebinding)."""

from flask import Flask, Request

from image_api.allowed_hosts import AllowedHosts, without_default_port
from image_api.errors import InvalidParameter, MisdirectedRequest
from image_api.web.current import current_request

EXEMPT = ("/health", "/v1/health")  # requested by platforms under any name, and of no use to a page of another site


def register(app: Flask, entries: tuple[str, ...]) -> None:
    """Check the Host of every request, also of URLs without a view."""
    allowed = AllowedHosts(entries)

    def check_host() -> None:
        request = current_request()
        host = _named_host(request)
        request.host = without_default_port(host, request.scheme)  # Werkzeug's own has no name with an underscore
        if request.path in EXEMPT:
            return
        if host not in allowed:
            raise MisdirectedRequest("The Host header names no host of this service.")
        if not request.host:
            raise InvalidParameter("The Host header must be a host name.")

    app.before_request(check_host)


def _named_host(of: Request) -> str:
    """Return the Host header; of a request without one, as HTTP/1.0 allows, the address that it was sent to."""
    header: str | None = of.environ.get("HTTP_HOST")
    if header is not None or of.environ.get("SERVER_PROTOCOL") == "HTTP/1.1" or of.server is None:
        return header or ""
    name, port = of.server
    return f"[{name}]:{port}" if ":" in name else f"{name}:{port}"
