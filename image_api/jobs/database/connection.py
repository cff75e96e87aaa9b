"""A connection to the jobs' database, in a native thread of its own: neither its disk nor its locks hold up the hub."""

import os
import socket
import time
from collections.abc import Callable
from contextlib import nullcontext, suppress
from typing import Any, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from image_api.database_url import sqlite_file
from image_api.jobs.database.engines import engine_of
from image_api.jobs.database.failures import FailureLog, meaning_of
from image_api.jobs.database.sqlite_log import LogFile
from image_api.jobs.errors import DatabaseLocked, DatabaseUnavailable, OutcomeUnknown, TablesMissing
from image_api.native_thread import NativeThread

# After which a call is interrupted: a server can hang, and its own timeouts with it.
WRITE_SECONDS = 15.0
READ_SECONDS = 10.0
PAUSE_SECONDS = 0.5  # after a connection was refused, before the next is tried

T = TypeVar("T")


class DatabaseConnection:
    """One connection in one native thread, opened at first use and again after it was lost. Thread-safe."""

    def __init__(self, url: str, failures: FailureLog, *, writes: bool) -> None:
        self._engine = engine_of(url, writes=writes)
        self._failures = failures
        self._writes = writes
        self._file = sqlite_file(url)
        self._file_id: tuple[int, int] | None = None
        self._thread = NativeThread()
        self._connection: Connection | None = None
        self._raw: Any = None
        self._log_file = LogFile(self._file) if self._file and writes else None
        self._is_interrupted = False
        self._refused_at = -PAUSE_SECONDS

    def call(self, work: Callable[[Connection], T]) -> T:
        """Return what some work returns, called with the connection in its thread.

        It is called once more if the connection was lost, unless that raised OutcomeUnknown. Raises DatabaseUnavailable
        if the database cannot be used, and OutcomeUnknown if one that writes is not answered.
        """
        seconds = WRITE_SECONDS if self._writes else READ_SECONDS
        try:
            return self._thread.call_within(seconds, self._interrupt, lambda: self._call(work))
        except TimeoutError:
            self._failures.report(TimeoutError("it does not answer"))
            raise (OutcomeUnknown if self._writes else DatabaseUnavailable) from None

    def when_free(self, then: Callable[[], object]) -> None:
        """Call a function, which must not wait, once nothing runs in the thread: it may have outlasted its call."""
        self._thread.when_free(then)

    def close(self) -> None:
        """Close the connection, and end its thread; the next call opens it again."""
        self._thread.call(self._drop)
        self._thread.end()

    def _call(self, work: Callable[[Connection], T]) -> T:
        if self._file_id and self._file_id != self._identity():
            self._drop()  # deleted or replaced: what is written to the file of before is lost
        was_open = self._connection is not None
        self._is_interrupted = False
        try:
            return self._attempt(work)
        except (DatabaseLocked, OutcomeUnknown, TablesMissing):
            raise
        except DatabaseUnavailable:
            if not was_open or self._is_interrupted:
                raise
            return self._attempt(work)  # the server may have been restarted since the call before

    def _attempt(self, work: Callable[[Connection], T]) -> T:
        try:
            connection = self._opened()
            with nullcontext() if self._writes else connection.begin():
                result = work(connection)
            if self._log_file:
                self._log_file.cut(self._raw)
        except DBAPIError as error:
            self._drop()
            meant = meaning_of(error)
            if not meant:
                raise
            self._failures.report(error.orig)
            raise meant from error
        except BaseException:  # a connection that was left in the middle is not used again, whatever ended it
            self._drop()
            raise
        self._failures.recovered()
        return result

    def _opened(self) -> Connection:
        """Return the connection. Raises DatabaseUnavailable at once if opening it has failed a moment ago."""
        if self._connection is not None:
            return self._connection
        if time.monotonic() - self._refused_at < PAUSE_SECONDS:
            raise DatabaseUnavailable
        try:
            identity = self._identity()
            self._connection = self._engine.connect()
        except DBAPIError as error:
            is_missing = self._file and identity is None
            meant = TablesMissing() if is_missing else meaning_of(error) or DatabaseUnavailable()
            if type(meant) is DatabaseUnavailable:
                self._refused_at = time.monotonic()
            self._failures.report(error.orig)
            raise meant from error
        self._file_id = identity
        self._raw = self._connection.connection.driver_connection
        return self._connection

    def _drop(self) -> None:
        connection, self._connection, self._raw = self._connection, None, None
        if connection is not None:
            connection.invalidate()
            connection.close()

    def _interrupt(self) -> None:
        """Have what runs in the thread fail. Called in another one."""
        self._is_interrupted = True
        raw = self._raw
        with suppress(Exception):  # of a connection that is being closed
            if self._file:
                raw.interrupt()
                return
            with socket.socket(fileno=os.dup(raw.fileno())) as its_own:
                if self._raw is raw:  # else that number may have been another file's
                    its_own.shutdown(socket.SHUT_RDWR)

    def _identity(self) -> tuple[int, int] | None:
        """Return what tells SQLite's file from another one with its name; None if there is none."""
        with suppress(OSError):
            if self._file:
                found = self._file.stat()
                return found.st_dev, found.st_ino
        return None
