"""The jobs' database as what keeps credentials: opened, and its library loaded, when one is first looked for."""

import threading
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING

from pydantic import SecretStr

from image_api.database_url import engine_url, sqlite_file
from image_api.native_thread import NativeThread

if TYPE_CHECKING:
    from image_api.jobs.database.database import Database

MODULES = ("image_api.jobs.database.database", "image_api.jobs.migrations.migration")


class CredentialsDatabase:
    """The jobs' database, whose tables are made, or brought up to date, when they are needed. Thread-safe."""

    def __init__(self, setting: SecretStr | None) -> None:
        """Take DATABASE_URL. Nothing is connected to yet."""
        self._url = engine_url(setting)
        self._lock = threading.Lock()
        self._database: Database | None = None

    @property
    def exists(self) -> bool:
        """Return whether there is a database: of a file that is missing nothing needs to be read."""
        file = sqlite_file(self._url)
        try:
            return file is None or file.exists()
        except OSError:  # its folder is closed to this process, of which a query tells
            return True

    def get(self) -> "Database":
        """Return the database. Raises DatabaseUnavailable, as its methods do, if it cannot be used."""
        with self._lock:
            if self._database is None:
                self._database = self._opened()
        return self._database

    def _opened(self) -> "Database":
        # A quarter of a second of CPU, at a full core: in gevent's hub it would delay all clients.
        thread = NativeThread()
        for module in MODULES:
            thread.call(import_module, module)
        thread.end()
        from image_api.jobs.database.database import Database
        from image_api.jobs.migrations.migration import bring_up_to_date

        bring_up_to_date(self._url)
        return Database(self._url, partial(bring_up_to_date, self._url))
