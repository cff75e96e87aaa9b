"""The default of ALLOWED_HOSTS in a local run: this machine's names and addresses."""

import contextlib
import re
import socket

from image_api.allowed_hosts import AllowedHosts, is_host

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
# A UDP socket that is connected to an address reserved for documentation (RFC 5737, RFC 3849) has this machine's
# outbound address; nothing is sent.
ELSEWHERE = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"))
ANY_PORT = 9
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}  # noqa: S104 - they name no machine


def own_hosts(listening: str) -> list[str]:
    """Return the loopback names, this machine's names and addresses, and the address that is listened on."""
    name = socket.gethostname().lower()
    found = [*LOOPBACK, name, f"{name.split('.')[0]}.local", _bracketed(listening), *map(_bracketed, _addresses(name))]
    return [host for host in dict.fromkeys(found) if is_host(host) and host not in EVERYWHERE]


def reachable_at(listening: str) -> str:
    """Return the host part of a URL at which this machine reaches a server that listens there."""
    address = _bracketed(listening)
    return EVERYWHERE.get(address, address)


def host_to_ask(allowed: str, port: int, listening: str = "127.0.0.1") -> str:
    """Return a name of ALLOWED_HOSTS by which the API can be asked: localhost or its address, or else the first."""
    entries = [entry.strip() for entry in allowed.split(",") if entry.strip()]
    own = "localhost" if _bracketed(listening) in ("127.0.0.1", *EVERYWHERE) else reachable_at(listening)
    if not entries or f"{own}:{port}" in AllowedHosts(entries):
        return own
    first = entries[0].removeprefix("*.")
    return first if first.endswith("]") else re.sub(r":[0-9]+\Z", "", first)


def _addresses(name: str) -> list[str]:
    found: list[str] = []
    for family, elsewhere in ELSEWHERE:
        with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:  # no such network
            probe.connect((elsewhere, ANY_PORT))
            found.append(str(probe.getsockname()[0]))
    with contextlib.suppress(OSError):  # the name does not resolve
        found += [str(address[0]) for *_, address in socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)]
    return found


def _bracketed(address: str) -> str:
    return f"[{address.partition('%')[0]}]" if ":" in address else address
