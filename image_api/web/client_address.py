"""The client of the current request by its address: its id, and whether it is this machine itself."""

from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from flask import Request

from image_api.allowed_hosts import ANY
from image_api.networks import NETWORKS, address_of, within
from image_api.services import services
from image_api.web.current import current_request
from image_api.web.trusted_proxies import CLIENT_ADDRESS

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

MAX_MEMOISED = 1024  # addresses and hosts: each request for a picture has one of both looked at
UNKNOWN = "unknown"
"""The id of all clients that come by a Unix socket, or by a proxy that TRUSTED_PROXIES does not name."""
# A request with one of them came through a proxy, a tunnel or a CDN, whatever its peer is.
FORWARDED = frozenset(
    {
        *("HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_HOST", "HTTP_X_FORWARDED_PROTO", "HTTP_X_FORWARDED_SERVER"),
        *("HTTP_FORWARDED", "HTTP_X_REAL_IP", "HTTP_VIA", "HTTP_X_CLIENT_IP", "HTTP_TRUE_CLIENT_IP"),
        *("HTTP_CF_CONNECTING_IP", "HTTP_FLY_CLIENT_IP", "HTTP_X_ORIGINAL_HOST"),
    }
)


def address_id() -> str:
    """Return the id of the client at its address, the same in all processes and after a restart."""
    return services().owner_ids.id_of(current_request().environ.get(CLIENT_ADDRESS)) or UNKNOWN


def is_local() -> bool:
    """Return whether the machine itself asks, and neither a proxy on it nor another site's page in its browser."""
    its = current_request()
    return _is_loopback(its.environ.get("REMOTE_ADDR") or "") and not (
        _is_forwarded(its.environ) or _is_rebound(its) or _is_of_another_site(its)
    )


def _is_forwarded(environ: "WSGIEnvironment") -> bool:
    """Return whether a proxy may have sent it; HTTP/1.0 is what nginx speaks unless it is told otherwise."""
    return environ.get("SERVER_PROTOCOL") == "HTTP/1.0" or not FORWARDED.isdisjoint(environ)


@lru_cache(maxsize=MAX_MEMOISED)
def _is_loopback(text: str) -> bool:
    address = address_of(text)
    return address is not None and within(address, NETWORKS["loopback"])


def _is_rebound(its: Request) -> bool:
    """Return whether the Host may be another site's, whose name leads to this machine (DNS rebinding)."""
    if ANY not in services().settings.allowed_hosts:
        return False  # it is checked already
    return not _names_this_machine(its.host)


@lru_cache(maxsize=MAX_MEMOISED)
def _names_this_machine(host: str) -> bool:
    name = (urlsplit(f"//{host}").hostname or "").rstrip(".")
    return name == "localhost" or name.endswith(".localhost") or _is_loopback(name)


def _is_of_another_site(its: Request) -> bool:
    """Return whether a page sent it that is not this service's, nor of an origin that CORS_ORIGINS names."""
    origin: str | None = its.environ.get("HTTP_ORIGIN")
    if origin is None:
        return False
    own = f"{its.scheme}://{its.host}"
    return origin.lower() not in (own.lower(), *services().settings.cors_origins)
