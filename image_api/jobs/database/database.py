"""The jobs' database: reads side by side, and writes in groups."""

import queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from sqlalchemy import Connection, make_url

from image_api.jobs.database.connection import DatabaseConnection
from image_api.jobs.database.failures import FailureLog
from image_api.jobs.database.group_commit import PATIENCE_SECONDS, GroupCommit
from image_api.jobs.database.transaction import Transaction
from image_api.jobs.errors import DatabaseUnavailable, TablesMissing
from render_worker.serving.deadline import Deadline

READERS = 3
READER_SECONDS = 10.0  # for which a query waits for one of them
PREPARED_SECONDS = 5.0  # in which tables that are still missing are not made again

T = TypeVar("T")


class Database:
    """The jobs' database. Thread-safe."""

    def __init__(self, url: str, prepare: Callable[[], object] = lambda: None) -> None:
        """Take the URL of `engine_url`, and what makes the tables if they are missing. Nothing is connected to yet."""
        password = make_url(url).password
        self._writes = GroupCommit(DatabaseConnection(url, FailureLog(password, "written"), writes=True))
        failures = FailureLog(password, "read")
        self._readers: queue.LifoQueue[DatabaseConnection] = queue.LifoQueue()
        for _ in range(READERS):
            self._readers.put(DatabaseConnection(url, failures, writes=False))
        self._is_closed = False
        self._prepare = prepare
        self._preparing = threading.Lock()
        self._prepared_at = -PREPARED_SECONDS

    def read(self, query: Callable[[Connection], T]) -> T:
        """Return what a query returns, each of whose statements sees what is committed by then; it may be called twice.

        Raises DatabaseUnavailable if the database cannot be used.
        """
        return self._with_tables(lambda: self._read(query))

    def write(self, operation: Callable[[Transaction], T], seconds: float = PATIENCE_SECONDS, *, size: int = 0) -> T:
        """Return what an operation returns, once it is committed. It is called, and raises, as GroupCommit says."""
        return self._with_tables(lambda: self._writes.write(operation, seconds, size=size))

    def close(self, seconds: float) -> None:
        """Close the connections, each once it is free; wait up to `seconds` for that.

        Whatever reads or writes from then on raises DatabaseUnavailable.
        """
        self._is_closed = True
        end = Deadline.after(seconds)
        self._writes.close(end.remaining)
        with suppress(queue.Empty):
            for _ in range(READERS):
                self._readers.get(timeout=end.remaining).close()

    def _read(self, query: Callable[[Connection], T]) -> T:
        if self._is_closed:
            raise DatabaseUnavailable
        try:
            reader = self._readers.get(timeout=READER_SECONDS)
        except queue.Empty:
            raise DatabaseUnavailable from None
        try:
            return reader.call(query)
        finally:
            reader.when_free(lambda: self._readers.put(reader))

    def _with_tables(self, use: Callable[[], T]) -> T:
        """Return what some use of the database returns. If its tables are missing, they are made first."""
        try:
            return use()
        except TablesMissing:
            self._make_tables()
            return use()

    def _make_tables(self) -> None:
        with self._preparing:
            if time.monotonic() - self._prepared_at >= PREPARED_SECONDS:
                self._prepare()
                self._prepared_at = time.monotonic()
