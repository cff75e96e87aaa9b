"""The keys of signed links: those of SIGNING_KEYS, or one that is made in the jobs' database at first use."""

import threading
from collections.abc import Sequence

from image_api.auth.errors import AuthUnavailable
from image_api.credentials.credentials import Credentials
from image_api.jobs.errors import DatabaseUnavailable
from render_worker.serving.deadline import Deadline

KNOWN_SECONDS = 60.0  # in which the database's key is not read again
UNKNOWN_SECONDS = 1.0  # in which it is not looked for again, however many links are invented
DOWN = "The database with the key of signed links cannot be used now."


class LinkKeys:
    """The keys of signed links. Thread-safe."""

    def __init__(self, declared: Sequence[bytes], credentials: Credentials) -> None:
        """Take the keys of SIGNING_KEYS, of which the first signs; without any the database has one."""
        self._declared = tuple(declared)
        self._credentials = credentials
        self._known: tuple[bytes, ...] = ()
        self._is_available = True
        self._fresh = Deadline.after(0)
        self._reading = threading.Lock()

    def signing_key(self) -> bytes:
        """Return the key that signs; it is made if there is none. Raises AuthUnavailable."""
        if self._declared:
            return self._declared[0]
        try:
            with self._credentials.opened() as store:
                return store.made_link_key()
        except DatabaseUnavailable:  # whose sentence is about jobs
            raise AuthUnavailable(DOWN) from None

    def verifying_keys(self) -> Sequence[bytes]:
        """Return the keys that verify; none if none was ever needed. Raises AuthUnavailable if that is not known."""
        if self._declared:
            return self._declared
        with self._reading:
            if self._fresh.expired:
                self._read_again()
            if not (self._known or self._is_available):
                raise AuthUnavailable(DOWN)
            return self._known

    def _read_again(self) -> None:
        """Read the database's key. One that is known stays so while the database does not answer."""
        try:
            self._known = self._credentials.store.link_keys() if self._credentials.exist else ()
            self._is_available = True
        except DatabaseUnavailable:
            self._is_available = False
        self._fresh = Deadline.after(KNOWN_SECONDS if self._known and self._is_available else UNKNOWN_SECONDS)
