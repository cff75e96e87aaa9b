"""The jobs' database: reads side by side, and writes in groups."""

import queue
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection

from image_api.jobs.connection import DatabaseConnection
from image_api.jobs.group_commit import PATIENCE_SECONDS, GroupCommit, Transaction

READERS = 3

T = TypeVar("T")


class Database:
    """The jobs' database. Thread-safe."""

    def __init__(self, url: str) -> None:
        """Take the URL of `engine_url`; nothing is connected to yet."""
        self._writes = GroupCommit(DatabaseConnection(url, writes=True))
        self._readers: queue.LifoQueue[DatabaseConnection] = queue.LifoQueue()
        for _ in range(READERS):
            self._readers.put(DatabaseConnection(url, writes=False))

    def read(self, query: Callable[[Connection], T]) -> T:
        """Return what a query returns. Raises DatabaseUnavailable if the database cannot be reached."""
        reader = self._readers.get()
        try:
            return reader.call(query)
        finally:
            self._readers.put(reader)

    def write(self, operation: Callable[[Transaction], T], seconds: float = PATIENCE_SECONDS) -> T:
        """Return what an operation returns, once it is committed. It is called, and raises, as GroupCommit says."""
        return self._writes.write(operation, seconds)
