"""Group commit: operations that arrive while a transaction runs share the next one, and its one wait for the disk."""

import logging
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import Connection, text
from sqlalchemy.exc import InterfaceError, OperationalError

from image_api.errors import ApiError, DatabaseUnavailable
from image_api.jobs.connection import DatabaseConnection

MAX_GROUP = 200  # operations of one transaction
PATIENCE_SECONDS = 10.0  # for which an operation waits until its transaction begins
WRITER_LOCK = 0x6A6F6273  # "jobs": of PostgreSQL's advisory locks the one that a writer holds
LIMITS = (
    "SET LOCAL lock_timeout = '2s'; SET LOCAL statement_timeout = '10s';"
    " SET LOCAL idle_in_transaction_session_timeout = '10s'"
)
# One writer at a time, as SQLite has it: no operation waits for another's row, and ids grow in the order of commits.
LOCK = text("SELECT extract(epoch FROM clock_timestamp()) FROM pg_advisory_xact_lock(:key)").bindparams(key=WRITER_LOCK)

log = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(frozen=True)
class Transaction:
    """The transaction of a group."""

    connection: Connection
    now: float
    """Seconds since the epoch, by the database's clock."""


class _Write:
    """An operation, and the future of the greenlet that waits for it."""

    def __init__(self, operation: Callable[[Transaction], Any]) -> None:
        self.operation = operation
        self.done: Future[Any] = Future()
        self._unclaimed = [True]

    def claim(self) -> bool:
        """Return True to the first caller alone: the transaction, or the waiter that gives it up. Takes no lock."""
        try:
            return self._unclaimed.pop()
        except IndexError:
            return False

    @property
    def is_unclaimed(self) -> bool:
        """Return whether its waiter still waits for a transaction to begin."""
        return bool(self._unclaimed)

    def settle(self, result: object, error: Exception | None) -> None:
        """Tell the waiter what came of it."""
        if error:
            self.done.set_exception(error)
        else:
            self.done.set_result(result)


Settled = tuple[_Write, Any, Exception | None]
"""An operation, what it returned, and why it failed."""


class GroupCommit:
    """Carries out operations in groups, in the order of their arrival. Thread-safe."""

    def __init__(self, connection: DatabaseConnection) -> None:
        self._connection = connection
        self._writes: queue.Queue[_Write] = queue.Queue()
        threading.Thread(target=self._run, name="database-writer", daemon=True).start()

    def write(self, operation: Callable[[Transaction], T], seconds: float = PATIENCE_SECONDS) -> T:
        """Return what an operation returns, once its transaction is committed.

        It may be called several times, since its group begins again without an operation that fails. An ApiError of its
        own, raised before it has written anything, spoils no group. Raises DatabaseUnavailable if the database cannot
        be reached, or does not let the transaction begin within `seconds`.
        """
        write = _Write(operation)
        self._writes.put(write)
        try:
            result: T = write.done.result(seconds)
        except TimeoutError:
            if write.claim():
                raise DatabaseUnavailable from None
            result = write.done.result()
        return result

    def _run(self) -> None:
        while True:
            group = [self._writes.get()]
            while len(group) < MAX_GROUP and not self._writes.empty():
                group.append(self._writes.get())
            self._settle(group)

    def _settle(self, group: list[_Write]) -> None:
        """Have a group committed, and tell its waiters."""
        while group:
            try:
                for write, result, error in self._connection.call(partial(self._commit, group=group)):
                    write.settle(result, error)
            except DatabaseUnavailable as error:
                if error.is_locked and any(it.is_unclaimed for it in group):
                    group = [it for it in group if it.is_unclaimed]
                    continue
                self._fail(group, error)
            except Exception as error:
                log.exception("a transaction of the jobs' database failed")
                self._fail(group, error)
            return

    def _fail(self, group: list[_Write], error: Exception) -> None:
        for write in group:
            write.settle(None, error)

    def _commit(self, connection: Connection, group: list[_Write]) -> list[Settled]:
        """Commit a group without the operations that fail. It runs in the connection's thread, and tells no waiter."""
        left: list[_Write] | None = None
        failed: list[Settled] = []
        while True:
            with connection.begin() as begun:
                transaction = Transaction(connection, _locked(connection))
                if left is None:  # nothing can be given up from here on
                    left = [it for it in group if it.claim()]
                settled: list[Settled] = []
                try:
                    for write in left:
                        settled.append(_carried_out(write, transaction))  # noqa: PERF401 - their number tells which failed
                except (OperationalError, InterfaceError):
                    raise
                except Exception as error:  # noqa: BLE001 - it is raised in the greenlet that waits for this operation
                    begun.rollback()
                    failed.append((left.pop(len(settled)), None, error))
                    continue
            return failed + settled


def _locked(connection: Connection) -> float:
    """Wait until no other process writes, and return the database's clock."""
    if connection.dialect.name == "sqlite":  # BEGIN IMMEDIATE has waited, and the clock is this machine's
        return time.time()
    connection.exec_driver_sql(LIMITS)
    return float(connection.execute(LOCK).scalar_one())


def _carried_out(write: _Write, transaction: Transaction) -> Settled:
    try:
        return write, write.operation(transaction), None
    except ApiError as error:  # before it has written anything
        return write, None, error
