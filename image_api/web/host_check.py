"""The check of every request's Host header against ALLOWED_HOSTS (DNS rebinding)."""

from flask import Flask, request

from image_api.allowed_hosts import AllowedHosts, is_host
from image_api.errors import InvalidParameter, MisdirectedRequest

EXEMPT = "/health"  # requested by platforms under any name, and of no use to a page of another site


def register(app: Flask, entries: tuple[str, ...]) -> None:
    """Check the Host of every request, also of URLs without a view."""
    allowed = AllowedHosts(entries)

    def check_host() -> None:
        if request.path == EXEMPT:
            return
        host = request.environ.get("HTTP_HOST") or request.host
        if host not in allowed:
            raise MisdirectedRequest("The Host header names no host of this service.")
        if not is_host(host):
            raise InvalidParameter("The Host header must be a host name.")

    app.before_request(check_host)
