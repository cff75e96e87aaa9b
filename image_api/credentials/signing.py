"""The keys of signed links: those of SIGNING_KEYS, or one that is made in the jobs' database at first use."""

import secrets
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from image_api.auth.errors import AuthUnavailable
from image_api.credentials.credentials_database import CredentialsDatabase
from image_api.jobs.errors import DatabaseUnavailable
from render_worker.serving.deadline import Deadline

if TYPE_CHECKING:
    from image_api.jobs.database.transaction import Transaction

KNOWN_SECONDS = 60.0  # in which the database's key is not read again
UNKNOWN_SECONDS = 1.0  # in which it is not looked for again, however many links are invented
UNAVAILABLE = "Signed links cannot be checked for now: the database with their key does not answer."


class LinkKeys:
    """The keys of signed links. Thread-safe."""

    def __init__(self, declared: Sequence[bytes], database: CredentialsDatabase) -> None:
        """Take the keys of SIGNING_KEYS, of which the first signs; without any the database has one."""
        self._declared = tuple(declared)
        self._database = database
        self._known: tuple[bytes, ...] = ()
        self._is_available = True
        self._fresh = Deadline.after(0)
        self._reading = threading.Lock()

    def signing_key(self) -> bytes:
        """Return the key that signs; it is made if there is none. Raises DatabaseUnavailable."""
        if self._declared:
            return self._declared[0]
        return self._database.get().write(_made_key).encode()

    def verifying_keys(self) -> Sequence[bytes]:
        """Return the keys that verify; none if none was ever needed. Raises AuthUnavailable if that is not known."""
        if self._declared:
            return self._declared
        with self._reading:
            if self._fresh.expired:
                self._read_again()
            if not (self._known or self._is_available):
                raise AuthUnavailable(UNAVAILABLE)
            return self._known

    def _read_again(self) -> None:
        """Read the database's key. One that is known stays so while the database does not answer."""
        try:
            self._known = self._read()
            self._is_available = True
        except DatabaseUnavailable:
            self._is_available = False
        self._fresh = Deadline.after(KNOWN_SECONDS if self._known and self._is_available else UNKNOWN_SECONDS)

    def _read(self) -> tuple[bytes, ...]:
        if not self._database.exists:
            return ()
        from sqlalchemy import Connection, select

        from image_api.jobs.database.tables import signing_keys

        def keys(connection: Connection) -> tuple[bytes, ...]:
            return tuple(secret.encode() for secret in connection.scalars(select(signing_keys.c.secret)))

        return self._database.get().read(keys)


def _made_key(transaction: "Transaction") -> str:
    """Return the database's key, which is made if there is none: no other process writes at the same time."""
    from sqlalchemy import insert, select

    from image_api.jobs.database.tables import signing_keys

    found = transaction.connection.execute(select(signing_keys.c.secret)).scalar()
    if found is None:
        found = secrets.token_urlsafe(32)
        transaction.connection.execute(insert(signing_keys), {"secret": found})
    return str(found)
