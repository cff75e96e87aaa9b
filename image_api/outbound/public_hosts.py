"""The SSRF guard's rules: which URLs and addresses are of the public internet, and a host's look-up by these rules."""

import ipaddress
import re
import socket
from collections.abc import Callable
from functools import cached_property
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Any

import urllib3
from gevent.monkey import get_original, is_module_patched
from gevent.threadpool import ThreadPool
from gevent.util import wrap_errors

from image_api.outbound.time_limit import time_limit

LOOK_UP_SECONDS = 5.0
LOOK_UP_THREADS = 8  # each is held by a name server that does not answer, for as long as the system's resolver waits
MAX_ADDRESSES = 4  # of one host are tried
HOST_NAME = r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.[a-z][a-z0-9-]*"  # no IP address, and no name without a dot
PUBLIC_URL = re.compile(rf"https://{HOST_NAME}(?::([0-9]{{1,5}}))?(?:[/?#][!-\[\]-~]*)?", re.IGNORECASE)  # no backslash
MAX_PORT = 65_535
NOT_PUBLIC_V4 = [  # besides those that Python calls private
    IPv4Network(it)
    for it in (
        "192.0.0.0/24",  # protocol assignments
        "192.88.99.0/24",  # relays of 6to4
        "224.0.0.0/4",  # multicast
        "168.63.129.16/32",  # what Azure's own machines ask for their secrets
    )
]
GLOBAL_UNICAST = IPv6Network("2000::/3")
NOT_PUBLIC_V6 = [IPv6Network(it) for it in ("2001::/32", "3fff::/20")]  # Teredo, and documentation
NAT64 = IPv6Network("64:ff9b::/96")  # in its last bits is the address that it leads to (RFC 6052)
ISATAP = 0x5EFE  # before an IPv4 address in the last bits (RFC 5214), if its U bit is left out
ISATAP_MASK = 0xFDFF_FFFF
LAST_BITS = 2**32 - 1

SocketAddress = tuple[Any, ...]
Found = tuple[socket.AddressFamily, SocketAddress]


class NotPublic(urllib3.exceptions.HTTPError):
    """Raised if a host's name leads to an address that is not public, or to none: a client is not told which."""


def is_public_url(text: str) -> bool:
    """Return whether a text is an https URL of a host name that may be public, without a user.

    One pattern decides, for URL parsers differ in where a host ends.
    """
    found = PUBLIC_URL.fullmatch(text)
    return found is not None and (found[1] is None or 0 < int(found[1]) <= MAX_PORT)


class AllowedURLs:
    """The URLs that may be requested: of public hosts by https, and of the origins that the operator trusts."""

    def __init__(self, trusted_origins: tuple[str, ...] = ()) -> None:
        # With the slash a prefix is an origin to every URL parser: no other host, port or user can follow.
        self.trusted_prefixes = tuple(f"{origin}/" for origin in trusted_origins)

    def allows(self, url: str) -> bool:
        """Return whether a URL may be requested, as far as can be told without a look-up of its host."""
        return url.lower().startswith(self.trusted_prefixes) or is_public_url(url)


def is_public(address: str) -> bool:
    """Return whether an IP address is on the public internet, and so is the one that it is a translation of."""
    found = ipaddress.ip_address(address)
    if isinstance(found, IPv4Address):
        return found.is_global and not any(found in network for network in NOT_PUBLIC_V4)
    if (inner := _translated(found)) and not is_public(str(inner)):
        return False
    if found in NAT64 or found.ipv4_mapped:  # none of an IPv6 host's own
        return True
    return found in GLOBAL_UNICAST and found.is_global and not any(found in network for network in NOT_PUBLIC_V6)


def _translated(address: IPv6Address) -> IPv4Address | None:
    """Return the IPv4 address that an IPv6 one leads to, None if it is a translation of none."""
    number = int(address)
    if address in NAT64 or (number >> 32) & ISATAP_MASK == ISATAP:
        return IPv4Address(number & LAST_BITS)
    return address.sixtofour or address.ipv4_mapped


class PublicHosts:
    """Looks host names up, in native threads of its own, and lets only public addresses through. Thread-safe.

    gevent's resolver has ten threads for the whole process: names whose servers do not answer would hold up the
    look-ups of all else.
    """

    def addresses(self, host: str, port: int, seconds: float = LOOK_UP_SECONDS) -> list[Found]:
        """Return the addresses of a host, up to MAX_ADDRESSES, after one look-up.

        Raises NotPublic if one of all of its addresses is not public, as of a name that rebinds, if there is none, or
        if none is found within the seconds.
        """
        try:
            answers: list[Any] = self._within(min(seconds, LOOK_UP_SECONDS), lambda: _look_up(host, port))
        except (OSError, UnicodeError):  # UnicodeError: a label is too long
            answers = []
        found = [(family, address) for family, _, _, _, address in answers]
        if not found or not all(is_public(str(address[0])) for _, address in found):
            raise NotPublic(host)
        return found[:MAX_ADDRESSES]

    def _within(self, seconds: float, look_up: Callable[[], list[Any]]) -> list[Any]:
        """Return what the look-up returns. Raises TimeoutError if it takes longer."""
        if not is_module_patched("threading"):
            return look_up()  # the caller has a thread already
        with time_limit(seconds):
            # gevent prints the traceback of whatever is raised there.
            result: Any = self._pool.spawn(wrap_errors((Exception,), look_up)).get()
        if isinstance(result, Exception):
            raise result
        found: list[Any] = result
        return found

    @cached_property
    def _pool(self) -> ThreadPool:
        return ThreadPool(LOOK_UP_THREADS)


def _look_up(host: str, port: int) -> list[Any]:
    """Return what the system's resolver finds. gevent's own would pass the work on to its hub."""
    found: list[Any] = get_original("socket", "getaddrinfo")(host, port, 0, socket.SOCK_STREAM)
    return found
