"""IP networks and addresses: networks by name (networks.toml), and addresses as proxies write them into headers."""

import re
import tomllib
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from pathlib import Path

IPAddress = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

CLIENT_PREFIX = 64  # bits: an IPv6 client has at least such a network, and may use any address in it
MAPPED_PREFIX = 96  # bits of ::ffff:0:0/96, in which IPv6 writes IPv4
MAX_NODE = 100  # characters: an address with brackets, a zone, a port and quotes
# A node of X-Forwarded-For as proxies write it: 1.2.3.4, 1.2.3.4:567, 2001:db8::1, [2001:db8::1]:567, fe80::1%eth0.
NODE = re.compile(
    r'("?)(?:\[([0-9a-f:.]+)(?:%[^\]\s]*)?\](?::[0-9]{1,5})?|([0-9.]+)(?::[0-9]{1,5})?|([0-9a-f:.]+)(?:%[^\s"]*)?)\1',
    re.IGNORECASE,
)


def _load_networks() -> dict[str, tuple[Network, ...]]:
    """Return the networks of networks.toml by name."""
    found = tomllib.loads(Path(__file__).with_name("networks.toml").read_text())
    return {name: tuple(map(ip_network, entry["networks"])) for name, entry in found.items()}


NETWORKS = _load_networks()
INTERNAL = (*NETWORKS["loopback"], *NETWORKS["private"])
"""The networks of this machine and its neighbours alone."""


def networks_of(entry: str) -> tuple[Network, ...]:
    """Return the networks that an entry names: a name of networks.toml, a network like 10.0.0.0/8, or an address.

    Raises ValueError if it is none of these.
    """
    if entry in NETWORKS:
        return NETWORKS[entry]
    network = ip_network(entry)
    mapped = getattr(network.network_address, "ipv4_mapped", None)
    if mapped and network.prefixlen >= MAPPED_PREFIX:
        return (IPv4Network((mapped, network.prefixlen - MAPPED_PREFIX)),)
    return (network,)


def address_of(text: str) -> IPAddress | None:
    """Return the address of a node of X-Forwarded-For, or of a peer; None if it is not an address."""
    return _parsed(text) if len(text) <= MAX_NODE else None


@lru_cache(maxsize=4096)
def _parsed(text: str) -> IPAddress | None:
    node = NODE.fullmatch(text)
    if not node:
        return None
    try:
        found = ip_address(node[2] or node[3] or node[4])
    except ValueError:
        return None
    return (found.ipv4_mapped or found) if isinstance(found, IPv6Address) else found


def within(address: IPAddress, networks: tuple[Network, ...]) -> bool:
    """Return whether one of the networks contains the address."""
    return any(address in network for network in networks)


def client_network(address: IPAddress) -> str:
    """Return what identifies a client: its IPv4 address, or its IPv6 network of CLIENT_PREFIX bits."""
    if isinstance(address, IPv4Address):
        return str(address)
    return str(IPv6Network((address, CLIENT_PREFIX), strict=False))
