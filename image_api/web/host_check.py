"""Which hosts a request may be for: any that is a host, or those of ALLOWED_HOSTS."""

from flask import Flask, request

from image_api.allowed_hosts import AllowedHosts, is_host
from image_api.errors import InvalidParameter, MisdirectedRequest

OPEN = "/health"  # asked by platforms under whatever name, and of no use to a page of another site


def register(app: Flask, entries: tuple[str, ...]) -> None:
    """Check every request's Host, also where no view is."""
    allowed = AllowedHosts(entries)

    def check() -> None:
        if request.path == OPEN:
            return
        host = request.environ.get("HTTP_HOST") or request.host
        if host not in allowed:
            raise MisdirectedRequest("The Host header names no host of this service.")
        if not is_host(host):
            raise InvalidParameter("The Host header must be a host name.")

    app.before_request(check)
