"""A connection to the jobs' database, in a native thread of its own: neither its disk nor its locks hold up the hub."""

from collections.abc import Callable
from contextlib import nullcontext
from typing import TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.pool import NullPool

from image_api.errors import DatabaseUnavailable
from image_api.native_thread import NativeThread

CONNECT_SECONDS = 5
BUSY_MILLISECONDS = 2000  # for which SQLite waits for another process's lock, before it is asked again

T = TypeVar("T")


class DatabaseConnection:
    """One connection in one native thread, opened at first use and again after it was lost. Thread-safe."""

    def __init__(self, url: str, *, writes: bool) -> None:
        self._engine = _engine(url, writes=writes)
        self._writes = writes
        self._thread = NativeThread()
        self._connection: Connection | None = None

    @property
    def dialect(self) -> str:
        """Return "sqlite" or "postgresql"."""
        return self._engine.dialect.name

    def call(self, work: Callable[[Connection], T]) -> T:
        """Return what some work returns, called with the connection in its thread; one that reads, in a transaction.

        Raises DatabaseUnavailable if the database cannot be reached, or is locked for too long.
        """
        return self._thread.call(self._call, work)

    def close(self) -> None:
        """Close the connection; the next call opens it again."""
        self._thread.call(self._drop)

    def _call(self, work: Callable[[Connection], T]) -> T:
        try:
            self._connection = self._connection or self._engine.connect()
            with self._connection.begin() if not self._writes else nullcontext():
                return work(self._connection)
        except (OperationalError, InterfaceError) as error:  # of the connection, the disk or a lock
            self._drop()
            raise DatabaseUnavailable(is_locked=_is_of_lock(error)) from error
        except BaseException:
            self._drop()
            raise

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.invalidate()
            connection.close()


def _is_of_lock(error: DBAPIError) -> bool:
    """Return whether another process holds what this one waited for."""
    name = type(error.orig).__name__
    return name in ("LockNotAvailable", "QueryCanceled") or "database is locked" in str(error.orig)


def _engine(url: str, *, writes: bool) -> Engine:
    if url.startswith("sqlite"):
        engine = create_engine(url, poolclass=NullPool, connect_args={"check_same_thread": False})
        _prepare_sqlite(engine, "BEGIN IMMEDIATE" if writes else "BEGIN")
        return engine
    # Without prepared statements a pooler such as PgBouncer may stand between.
    return create_engine(
        url, poolclass=NullPool, connect_args={"connect_timeout": CONNECT_SECONDS, "prepare_threshold": None}
    )


def _prepare_sqlite(engine: Engine, begin: str) -> None:
    """Have SQLite write ahead (WAL) and check foreign keys, and begin transactions by this statement."""

    @event.listens_for(engine, "connect")
    def on_connect(connection: object, _: object) -> None:
        connection.isolation_level = None  # type: ignore[attr-defined]  # the driver's own transactions begin too late
        for pragma in (f"busy_timeout={BUSY_MILLISECONDS}", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")  # type: ignore[attr-defined]

    @event.listens_for(engine, "begin")
    def on_begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)
