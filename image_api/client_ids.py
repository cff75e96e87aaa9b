"""Ids of clients: a keyed hash of the address, which does not reveal it."""

import hashlib
import hmac
import secrets
from functools import lru_cache

from image_api.networks import address_of, client_network

ID_LENGTH = 32  # hexadecimal digits
# Ids that are memoised: computing one takes as long as the rest of a cached response's head.
MAX_MEMOISED = 4096


class ClientIds:
    """Identifies clients by address. Thread-safe."""

    def __init__(self, secret: bytes | None = None) -> None:
        """Key the ids with `secret`, which processes share if they must agree on ids; a random one if None."""
        self._secret = secret or secrets.token_bytes(32)
        self._computed = lru_cache(maxsize=MAX_MEMOISED)(self._compute)

    def id_of(self, address: str | None) -> str | None:
        """Return the id of the client at an IP address; None if it is not known, as on a Unix socket.

        All addresses of an IPv6 network of 64 bits are one client; an IPv4-mapped IPv6 address is its IPv4 address.
        """
        return self._computed(address) if address else None

    def _compute(self, address: str) -> str:
        found = address_of(address)
        named = client_network(found) if found else address
        return hmac.new(self._secret, named.encode(), hashlib.sha256).hexdigest()[:ID_LENGTH]
