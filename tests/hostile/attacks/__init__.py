"""The attacks, a module for each kind; importing this package registers them."""

from tests.hostile.attacks import (
    connections,
    credentials,
    desync,
    engines,
    exposure,
    failures,
    floods,
    handshakes,
    keys,
    rude_clients,
    waiting,
)

__all__ = [
    "connections",
    "credentials",
    "desync",
    "engines",
    "exposure",
    "failures",
    "floods",
    "handshakes",
    "keys",
    "rude_clients",
    "waiting",
]
