"""The credentials that the jobs' database keeps. It and its library are loaded once they are needed."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING

from image_api.auth.api_key import ApiKey
from image_api.auth.errors import AuthUnavailable
from image_api.database_url import engine_url, sqlite_file
from image_api.jobs.errors import DatabaseUnavailable
from image_api.jobs.loading import Loading
from image_api.native_thread import NativeThread
from image_api.settings import Settings

if TYPE_CHECKING:
    from image_api.credentials.credential_store import CredentialStore

CLOSE_SECONDS = 0.5  # of what a process has left after its grace period
DOWN = "The database of the API keys cannot be used now."
NO_KEYS = "AUTH=keys: there is no API key yet, so no picture is made; flask --app app keys create --name … makes one."

log = logging.getLogger(__name__)


class Credentials:
    """The credentials of this service. Thread-safe."""

    def __init__(self, settings: Settings) -> None:
        """Take the settings. Nothing is opened yet."""
        self._url = engine_url(settings.database_url)
        self._loading = Loading(self._build, "credentials")
        self._is_sole = False

    @property
    def exist(self) -> bool:
        """Return whether there is a database that may have some."""
        file = sqlite_file(self._url)
        try:
            return file is None or file.exists()
        except OSError:  # its folder is closed to this process
            return False

    @property
    def place(self) -> str:
        """Return where they are, without any password."""
        file = sqlite_file(self._url)
        return str(file) if file else "the PostgreSQL of DATABASE_URL"

    def begin(self, *, declared: bool) -> None:
        """Have them loaded in the background, if their database exists.

        If it has no API key, and API_KEYS has not `declared` one either, the log says so.
        """
        if self.exist:
            self._is_sole = not declared
            self._loading.begin()
        elif not declared:
            log.warning(NO_KEYS)

    def end(self) -> None:
        """Try no more to load them: this service is being stopped."""
        self._loading.end()

    @property
    def store(self) -> "CredentialStore":
        """Return what reads and writes them, whose database is made if it is missing.

        Raises DatabaseUnavailable if it cannot be used.
        """
        return self._loading.get()

    def find_key(self, digest: str) -> ApiKey | None:
        """Return the API key with a hash; None if there is none. Raises AuthUnavailable if that cannot be found out."""
        if not self.exist:
            return None
        try:
            return self.store.key_of_hash(digest)
        except DatabaseUnavailable:  # whose sentence is about jobs
            raise AuthUnavailable(DOWN) from None

    @contextmanager
    def opened(self) -> "Iterator[CredentialStore]":
        """Yield a store for a program that uses it once, and close it. Raises DatabaseUnavailable at once."""
        store = self._build()
        try:
            yield store
        finally:
            store.close(CLOSE_SECONDS)

    def close(self) -> None:
        """Close the connections to the database: what needs it raises DatabaseUnavailable from then on."""
        if store := self._loading.loaded:
            store.close(CLOSE_SECONDS)

    def _build(self) -> "CredentialStore":
        # A quarter of a second of CPU, at a full core: in gevent's hub it would delay all clients.
        NativeThread().call(import_module, "image_api.credentials.credential_store")
        from image_api.credentials.credential_store import CredentialStore

        store = CredentialStore.at(self._url)
        if self._is_sole and not store.keys():
            log.warning(NO_KEYS)
        return store
