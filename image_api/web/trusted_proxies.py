"""What proxies before this service say of a request: its client, scheme, host, port and prefix (TRUSTED_PROXIES).

X-Forwarded-For, -Proto, -Host, -Port and -Prefix are read, from a trusted peer only. `Forwarded` (RFC 7239) and the
headers of a single platform are not: anybody can send those through a proxy that does not know them.
"""

import logging
import re
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, NamedTuple

from image_api.networks import INSIDE, LONGEST, Address, Network, address_of, networks_of, within

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

CLIENT = "image_api.client"
"""Key of the environment with the client's address; None if per-client shares are not to be applied."""
FOR, PROTO, HOST = "HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_PROTO", "HTTP_X_FORWARDED_HOST"
PORT, PREFIX = "HTTP_X_FORWARDED_PORT", "HTTP_X_FORWARDED_PREFIX"
SCHEMES = {"http": "http", "https": "https", "ws": "http", "wss": "https"}
# Of an address without one; a proxy behind another one tells its own, which is not the client's.
USUAL_PORTS = (80, 443)
PATH = re.compile(r"(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*){1,20}")
THIS_MACHINE = IPv4Address("127.0.0.1")  # the peer of a Unix socket, which has no address
UNDECLARED = (
    "X-Forwarded-For came from %s, a loopback or private address that TRUSTED_PROXIES does not name: clients cannot be"
    " told apart behind that proxy, so no share per client is applied to its requests; nor is its word taken for their"
    " scheme and host."
)

log = logging.getLogger(__name__)


class _Route(NamedTuple):
    """How a request came: its client, None for the connection's own address, and the trusted proxies on the way."""

    client: str | None
    hops: int


class TrustedProxies:
    """WSGI middleware that takes the word of trusted proxies, and of nobody else."""

    def __init__(self, app: "WSGIApplication", trusted: int | tuple[str, ...]) -> None:
        """`trusted`: the number of proxies, or names and networks of theirs."""
        self._app = app
        self._hops = trusted if isinstance(trusted, int) else 0
        entries = () if isinstance(trusted, int) else trusted
        self._networks: tuple[Network, ...] = tuple(it for entry in entries for it in networks_of(entry))
        self._look_up = lru_cache(maxsize=4096)(self._examine)
        self._warned = False

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Set the request's client, and its scheme, host, port and prefix if its peer is trusted."""
        peer = environ.get("REMOTE_ADDR") or ""
        environ[CLIENT] = peer or None
        if self._hops or (self._networks and within(_of_peer(peer), self._networks)):
            self._believe(environ)
        elif FOR in environ and within(_of_peer(peer), INSIDE):
            self._warn_once(peer)
            environ[CLIENT] = None
        return self._app(environ, start_response)

    def _believe(self, environ: "WSGIEnvironment") -> None:
        nodes = _values(environ.get(FOR, ""))
        route = self._counted(nodes) if self._hops else self._walked(nodes)
        if route.client:
            environ[CLIENT] = environ["REMOTE_ADDR"] = route.client
        told = {header: self._told(environ.get(header), route.hops) for header in (PROTO, HOST, PORT, PREFIX)}
        if scheme := SCHEMES.get((told[PROTO] or "").lower()):
            environ["wsgi.url_scheme"] = scheme
        if host := told[HOST]:
            environ["HTTP_HOST"] = host
        if port := _port(told[PORT]):
            environ["HTTP_HOST"] = _with_port(environ.get("HTTP_HOST", ""), port)
        if prefix := _prefix(told[PREFIX]):
            environ["SCRIPT_NAME"] = prefix

    def _counted(self, nodes: list[str]) -> _Route:
        """The node that the outermost of the proxies wrote, if there are as many nodes and it is an address."""
        if len(nodes) < self._hops:
            return _Route(None, self._hops)
        found = address_of(nodes[-self._hops])
        return _Route(str(found) if found else None, self._hops)

    def _walked(self, nodes: list[str]) -> _Route:
        """The first node from the right that is not trusted. What is left of it may be forged, and so may all be
        that stands before a node which is no address.
        """
        hops = 1
        for node in reversed(nodes):
            found, trusted = self._look_up(node) if len(node) <= LONGEST else (None, False)
            if found is None or not trusted:
                return _Route(str(found) if found else None, hops)
            hops += 1
        return _Route(None, max(1, len(nodes)))  # the leftmost is a client of that network, and no proxy

    def _examine(self, node: str) -> tuple[Address | None, bool]:
        found = address_of(node)
        return found, found is not None and within(found, self._networks)

    def _told(self, header: str | None, hops: int) -> str | None:
        """The value that the outermost trusted proxy set. Where only some of them append, the leftmost is its own; by a
        number there have to be as many.
        """
        values = _values(header) if header else []
        if not values or (self._hops and len(values) < hops):
            return None
        return values[-min(hops, len(values))]

    def _warn_once(self, peer: str) -> None:
        if not self._warned:
            self._warned = True
            log.warning(UNDECLARED, peer or "a Unix socket")


def _of_peer(peer: str) -> Address:
    return address_of(peer) or THIS_MACHINE


def _values(header: str) -> list[str]:
    """What is between commas. Quotes protect none: a client's open quote would swallow what the proxies append."""
    return [value for part in header.split(",") if (value := part.strip())]


def _port(told: str | None) -> int | None:
    port = int(told) if told and told.isascii() and told.isdigit() and len(told) <= len("65535") else 0
    return port if 0 < port <= 65535 and port not in USUAL_PORTS else None


def _with_port(host: str, port: int) -> str:
    """Add the port to a host without one."""
    has_one = ":" in host.rpartition("]")[2]
    return host if has_one or not host else f"{host}:{port}"


def _prefix(told: str | None) -> str | None:
    path = (told or "").rstrip("/")
    return path if PATH.fullmatch(path) else None
