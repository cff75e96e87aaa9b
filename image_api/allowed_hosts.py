"""ALLOWED_HOSTS: the host names under which clients may reach this service, against DNS rebinding."""

import re
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv6Address

ANY = "*"
DEFAULT_PORTS = {"http": 80, "https": 443}  # which a Host header leaves out
# With underscores, as in the names of Docker Compose's services.
NAME = r"(?=.{1,253}(?:[:]|\Z))[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*\.?"
HOST = re.compile(
    rf"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<name>{NAME}))(?::(?P<port>[1-9][0-9]{{0,4}})?)?"
)  # RFC 3986: a port may be empty
MAX_PORT = 65535


class AllowedHosts:
    """The hosts of the setting: names, *.example.com for subdomains, addresses, each with or without a port."""

    def __init__(self, entries: Iterable[str]) -> None:
        """Parse the entries. Raises ValueError if one is not a host, and names it."""
        entries = list(entries)
        self.any = ANY in entries
        self._hosts = {_entry(entry) for entry in entries if entry != ANY}

    def __contains__(self, host: str) -> bool:
        """Return whether a Host header names one of them; an entry without a port allows every port."""
        if self.any:
            return True
        try:
            name, port = _split_port(host)
        except ValueError:
            return False
        parents = [f"*.{'.'.join(labels)}" for labels in _parents(name)]
        ports = (None, port) if port else (None, *DEFAULT_PORTS.values())
        return any((host_name, each) in self._hosts for host_name in (name, *parents) for each in ports)


def is_host(text: str) -> bool:
    """Return whether a Host header is a host name or an address, with or without a port."""
    try:
        _split_port(text)
    except ValueError:
        return False
    return True


@lru_cache(maxsize=1024)  # of few texts in most requests; an attacker's take 8 KB each
def without_default_port(host: str, scheme: str) -> str:
    """Return a Host header as a URL of that scheme has it; "" if it is not a host."""
    return host.removesuffix(":").removesuffix(f":{DEFAULT_PORTS.get(scheme)}") if is_host(host) else ""


def _split_port(host: str) -> tuple[str, int | None]:
    """Return the normalised host name and the port. Raises ValueError if it is not a host."""
    found = HOST.fullmatch(host)
    if not found:
        raise ValueError(f"{host!r} is no host")
    name = str(IPv6Address(found["six"])) if found["six"] else found["name"].lower().rstrip(".")
    port = int(found["port"]) if found["port"] else None
    if port and port > MAX_PORT:
        raise ValueError(f"{host!r} has no port of TCP")
    return name, port


def _entry(text: str) -> tuple[str, int | None]:
    """Parse an entry of the setting; an IPv6 address needs no brackets, and a name may have any script's letters."""
    if text.count(":") > 1 and "[" not in text:
        text = f"[{text}]"
    wildcard = text.startswith("*.")
    host = text.removeprefix("*.")
    name, port = _split_port(host if host.isascii() else host.encode("idna").decode())
    return f"*.{name}" if wildcard else name, port


def _parents(name: str) -> Iterable[list[str]]:
    labels = name.split(".")
    return (labels[start:] for start in range(1, len(labels)))
