"""The keys of signed links: those of SIGNING_KEYS, or one that is made in the jobs' database at first use."""

import threading
from collections.abc import Sequence
from contextlib import suppress

from image_api.auth.api_keys import LOOK_UP_SECONDS
from image_api.auth.credential_checks import STALE_WAIT_SECONDS
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
        self._in_flight: threading.Event | None = None
        self._lock = threading.Lock()

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
        is_known = self._wait_until_fresh()
        if not (self._known or is_known):
            raise AuthUnavailable(DOWN)
        return self._known

    def _wait_until_fresh(self) -> bool:
        """Have the database's key read again if need be, and return whether it was found out if there is one.

        There is one reader. A database that hangs holds up no link if its key is known but the reader's own, for a
        second; and if it did not answer the last time, then none but that.
        """
        with self._lock:
            if not self._fresh.expired:
                return self._is_available
            first = self._in_flight is None
            read = self._in_flight = self._in_flight or threading.Event()
            has_answer = bool(self._known) or not self._is_available
        if first:
            threading.Thread(target=self._read, args=(read,), name="link-keys", daemon=True).start()
        elif has_answer:
            return self._is_available
        return read.wait(STALE_WAIT_SECONDS if self._known else LOOK_UP_SECONDS) and self._is_available

    def _read(self, read: threading.Event) -> None:
        """Read the database's key. One that is known stays so while the database does not answer."""
        found = None
        try:
            with suppress(DatabaseUnavailable):  # which the requests say
                found = self._credentials.store.link_keys() if self._credentials.exist else ()
        finally:
            with self._lock:
                self._is_available = found is not None
                self._known = self._known if found is None else found
                self._fresh = Deadline.after(KNOWN_SECONDS if found else UNKNOWN_SECONDS)
                self._in_flight = None
            read.set()
