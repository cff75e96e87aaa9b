"""Trusted proxies (TRUSTED_PROXIES): a request's client, scheme, host, port and prefix, as the proxies forward them.

X-Forwarded-For, -Proto, -Host, -Port and -Prefix are read, from a trusted peer only. `Forwarded` (RFC 7239) and the
headers of single platforms are not: any client can send those through a proxy that does not know them.
"""

import logging
import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, NamedTuple

from image_api.networks import INTERNAL, MAX_NODE, IPAddress, Network, address_of, networks_of, within
from image_api.outbound.bounds import whole_number

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

CLIENT_ADDRESS = "image_api.client"
"""Key of the environment with the client's address; None if per-client limits do not apply."""
FORWARDED_FOR = "HTTP_X_FORWARDED_FOR"
FORWARDED_PROTO = "HTTP_X_FORWARDED_PROTO"
FORWARDED_HOST = "HTTP_X_FORWARDED_HOST"
FORWARDED_PORT = "HTTP_X_FORWARDED_PORT"
FORWARDED_PREFIX = "HTTP_X_FORWARDED_PREFIX"
SCHEMES = {"http": "http", "https": "https", "ws": "http", "wss": "https"}
# Not added to a host: a proxy behind another one forwards its own port, which is not the client's.
DEFAULT_PORTS = (80, 443)
MAX_PORT = 65535
PREFIX_PATH = re.compile(r"(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*){1,20}")
THIS_MACHINE = IPv4Address("127.0.0.1")  # the peer of a Unix socket, which has no address
UNDECLARED = (
    "X-Forwarded-For came from %s, a loopback or private address that TRUSTED_PROXIES does not name: clients cannot be"
    " told apart behind that proxy, so they share one rate limit, no other per-client limit applies to them, and the"
    " scheme and host that it forwards are ignored."
)

log = logging.getLogger(__name__)


class _Route(NamedTuple):
    """The way of a request: its client, None for the connection's own address, and its trusted proxies."""

    client: str | None
    hops: int


class TrustedProxies:
    """WSGI middleware that applies the X-Forwarded headers of trusted proxies, and ignores all others."""

    def __init__(
        self,
        app: "WSGIApplication",
        trusted: int | tuple[str, ...],
        is_own_path: Callable[[str], object] = lambda _: False,
    ) -> None:
        """Trust so many proxies, or the proxies whose names or networks are given.

        A proxy may leave its prefix in the path; it is removed unless `is_own_path` says that the app has such a path.
        """
        self._app = app
        self._is_own_path = is_own_path
        self._hops = trusted if isinstance(trusted, int) else 0
        entries = () if isinstance(trusted, int) else trusted
        self._networks: tuple[Network, ...] = tuple(network for entry in entries for network in networks_of(entry))
        self._look_up = lru_cache(maxsize=4096)(self._examine)
        self._is_trusted = lru_cache(maxsize=1024)(lambda peer: within(_peer_address(peer), self._networks))
        self._warned = False

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Set the request's client, and its scheme, host, port and prefix if its peer is trusted."""
        peer = environ.get("REMOTE_ADDR") or ""
        environ[CLIENT_ADDRESS] = peer or None
        if self._hops or (self._networks and self._is_trusted(peer)):
            self._apply_forwarded(environ)
        elif FORWARDED_FOR in environ and within(_peer_address(peer), INTERNAL):
            self._warn_once(peer)
            environ[CLIENT_ADDRESS] = None
        return self._app(environ, start_response)

    def _apply_forwarded(self, environ: "WSGIEnvironment") -> None:
        nodes = _values(environ.get(FORWARDED_FOR, ""))
        route = self._route_by_count(nodes) if self._hops else self._route_by_network(nodes)
        if route.client:
            environ[CLIENT_ADDRESS] = environ["REMOTE_ADDR"] = route.client
        forwarded = {
            header: self._forwarded(environ.get(header), route.hops)
            for header in (FORWARDED_PROTO, FORWARDED_HOST, FORWARDED_PORT, FORWARDED_PREFIX)
        }
        if scheme := SCHEMES.get((forwarded[FORWARDED_PROTO] or "").lower()):
            environ["wsgi.url_scheme"] = scheme
        if host := forwarded[FORWARDED_HOST]:
            environ["HTTP_HOST"] = host
        if port := _port(forwarded[FORWARDED_PORT]):
            environ["HTTP_HOST"] = _with_port(environ.get("HTTP_HOST", ""), port)
        if prefix := _prefix(forwarded[FORWARDED_PREFIX]):
            environ["SCRIPT_NAME"] = prefix
            self._remove_prefix(environ, prefix)

    def _remove_prefix(self, environ: "WSGIEnvironment", prefix: str) -> None:
        path = environ.get("PATH_INFO", "")
        if f"{path}/".startswith(f"{prefix}/") and not self._is_own_path(path):
            environ["PATH_INFO"] = path[len(prefix) :] or "/"

    def _route_by_count(self, nodes: list[str]) -> _Route:
        """Return the node that the outermost proxy wrote, if there are enough nodes and it is an address."""
        if len(nodes) < self._hops:
            return _Route(None, self._hops)
        address = address_of(nodes[-self._hops])
        return _Route(str(address) if address else None, self._hops)

    def _route_by_network(self, nodes: list[str]) -> _Route:
        """Return the first node from the right that is not trusted.

        What is left of it may be forged, and so may all that is left of a node which is not an address.
        """
        hops = 1
        for node in reversed(nodes):
            address, trusted = self._look_up(node) if len(node) <= MAX_NODE else (None, False)
            if address is None or not trusted:
                return _Route(str(address) if address else None, hops)
            hops += 1
        return _Route(None, max(1, len(nodes)))  # the leftmost is a client of that network, and no proxy

    def _examine(self, node: str) -> tuple[IPAddress | None, bool]:
        """Return a node's address, None if it is not one, and whether it is trusted."""
        address = address_of(node)
        return address, address is not None and within(address, self._networks)

    def _forwarded(self, header: str | None, hops: int) -> str | None:
        """Return the value that the outermost trusted proxy set; None if there is none.

        If only some proxies append, the leftmost value is its own; by a number there have to be as many values.
        """
        values = _values(header) if header else []
        if not values or (self._hops and len(values) < hops):
            return None
        return values[-min(hops, len(values))]

    def _warn_once(self, peer: str) -> None:
        if not self._warned:
            self._warned = True
            log.warning(UNDECLARED, peer or "a Unix socket")


def _peer_address(peer: str) -> IPAddress:
    return address_of(peer) or THIS_MACHINE


def _values(header: str) -> list[str]:
    """Return what is between commas. Quotes protect none: a client's open quote would swallow what proxies append."""
    return [value for part in header.split(",") if (value := part.strip())]


def _port(text: str | None) -> int | None:
    """Return the port; None if the text is not a port, or a default one."""
    port = whole_number(text, MAX_PORT)
    return port if port and port not in DEFAULT_PORTS else None


def _with_port(host: str, port: int) -> str:
    """Return the host with the port, unless it has one."""
    has_one = ":" in host.rpartition("]")[2]
    return host if has_one or not host else f"{host}:{port}"


def _prefix(text: str | None) -> str | None:
    """Return the path without a slash at its end; None if the text is not a plain path."""
    path = (text or "").rstrip("/")
    return path if PREFIX_PATH.fullmatch(path) else None
