"""What the jobs' rows say while a scene lasts, read from the database itself."""

import contextlib
import sqlite3
import threading
import time
from collections.abc import Iterator
from typing import Any, Self
from uuid import UUID

import psycopg

from tests.chaos.clients import FINAL
from tests.chaos.stage import Stage

LOOK_SECONDS = 0.1
QUERY = "SELECT id, status, published_at FROM jobs"


class RowWatch:
    """Reads all rows again and again in a thread of its own while it is entered."""

    def __init__(self, stage: Stage) -> None:
        self.final: dict[UUID, float] = {}
        """When each job was first seen final."""
        self.published: dict[UUID, set[float]] = {}
        """When each job was sent to the queue."""
        self._stage = stage
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.is_set():
            with contextlib.suppress(sqlite3.Error, psycopg.Error), self._connection() as connection:
                while not self._over.wait(LOOK_SECONDS):
                    self._look(connection)
            self._over.wait(LOOK_SECONDS)

    @contextlib.contextmanager
    def _connection(self) -> Iterator[Any]:
        if self._stage.postgres:
            with psycopg.connect(self._stage.postgres.url, autocommit=True, connect_timeout=2) as connection:
                yield connection
        else:
            address = f"file:{self._stage.file}?mode=ro"
            with contextlib.closing(sqlite3.connect(address, uri=True, isolation_level=None)) as file:
                yield file

    def _look(self, connection: Any) -> None:
        for key, status, published_at in connection.execute(QUERY):
            job = UUID(str(key))
            if published_at:
                self.published.setdefault(job, set()).add(published_at)
            if status in FINAL:
                self.final.setdefault(job, time.time())
