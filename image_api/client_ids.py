"""Who a client is: the address it connects from, as an id that does not show the address."""

import hashlib
import hmac
import secrets
from functools import lru_cache

from image_api.networks import address_of, client_network

ID_LENGTH = 32  # hexadecimal digits
# Clients whose ids are kept, because computing one takes as long as the rest of a cached answer's head.
REMEMBERED = 4096


class ClientIds:
    """Identify clients by address. Thread-safe."""

    def __init__(self, secret: bytes | None = None) -> None:
        """Key the ids with `secret`, which processes share that must agree on them; without it with a random one."""
        self._secret = secret or secrets.token_bytes(32)
        self._computed = lru_cache(maxsize=REMEMBERED)(self._compute)

    def id_of(self, address: str | None) -> str | None:
        """Return the id of the client at an IP address; None if it is not known, as on a Unix socket.

        All addresses of an IPv6 network of 64 bits are one client, and an IPv4 address in IPv6's form is that address.
        """
        return self._computed(address) if address else None

    def _compute(self, address: str) -> str:
        found = address_of(address)
        named = client_network(found) if found else address
        return hmac.new(self._secret, named.encode(), hashlib.sha256).hexdigest()[:ID_LENGTH]
