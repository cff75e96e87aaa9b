"""ALLOWED_HOSTS: the host names under which clients may reach this service, against DNS rebinding."""

import re
from collections.abc import Iterable
from ipaddress import IPv6Address

ANY = "*"
DEFAULT_PORTS = (80, 443)  # which a Host header leaves out
HOST = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<name>[A-Za-z0-9._-]+))(?::(?P<port>[0-9]{1,5}))?")
ENTRY = re.compile(r"(?:\*\.)?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*")


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
        ports = (None, port) if port else (None, *DEFAULT_PORTS)
        return any((host_name, each) in self._hosts for host_name in (name, *parents) for each in ports)


def is_host(text: str) -> bool:
    """Return whether a Host header is a host name or an address, with or without a port."""
    try:
        _split_port(text)
    except ValueError:
        return False
    return True


def _split_port(host: str) -> tuple[str, int | None]:
    """Return the normalised host name and the port. Raises ValueError if it is not a host."""
    found = HOST.fullmatch(host)
    if not found:
        raise ValueError(f"{host!r} is no host")
    name = str(IPv6Address(found["six"])) if found["six"] else found["name"].lower().rstrip(".")
    return name, int(found["port"]) if found["port"] else None


def _entry(text: str) -> tuple[str, int | None]:
    """Parse an entry of the setting; an IPv6 address needs no brackets."""
    if text.count(":") > 1 and "[" not in text:
        text = f"[{text}]"
    wildcard = text.startswith("*.")
    name, port = _split_port(text.removeprefix("*."))
    if ":" not in name and not ENTRY.fullmatch(name):
        raise ValueError(f"{text!r} is no host")
    return f"*.{name}" if wildcard else name, port


def _parents(name: str) -> Iterable[list[str]]:
    labels = name.split(".")
    return (labels[start:] for start in range(1, len(labels)))
