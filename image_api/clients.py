"""Who a client is: the address it connects from, as an id that does not show the address."""

import hashlib
import hmac
import secrets

ID_LENGTH = 32  # hexadecimal digits


class Clients:
    """Identify clients by address. Thread-safe."""

    def __init__(self, secret: bytes | None = None) -> None:
        """Key the ids with `secret`, which processes share that must agree on them; without it with a random one."""
        self._secret = secret or secrets.token_bytes(32)

    def id_of(self, address: str | None) -> str | None:
        """Return the id of the client at an IP address; None if it is not known, as on a Unix socket."""
        return hmac.new(self._secret, address.encode(), hashlib.sha256).hexdigest()[:ID_LENGTH] if address else None
