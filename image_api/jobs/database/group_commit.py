"""Group commit: operations that arrive while a transaction runs share the next one, and its one wait for the disk."""

import logging
import queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TypeVar

from sqlalchemy import Connection, text
from sqlalchemy.exc import DataError

from image_api.jobs.database.connection import DatabaseConnection
from image_api.jobs.database.group import Group, Write
from image_api.jobs.database.transaction import Transaction
from image_api.jobs.errors import DatabaseLocked, DatabaseUnavailable, OutcomeUnknown

MAX_GROUP = 200  # operations of one transaction
MAX_GROUP_BYTES = 16 * 1024 * 1024  # of their images, of which the driver makes copies; one alone may have more
PATIENCE_SECONDS = 10.0  # for which an operation waits until its transaction begins
OUTCOME_SECONDS = 10.0  # for which the database is asked whether it has committed, and every
OUTCOME_PAUSE_SECONDS = 0.25
OUTCOME = text("SELECT txid_status(:number)")

log = logging.getLogger(__name__)
T = TypeVar("T")


class GroupCommit:
    """Carries out operations in groups, in the order of their arrival. Thread-safe."""

    def __init__(self, connection: DatabaseConnection) -> None:
        self._connection = connection
        self._writes: queue.Queue[Write | None] = queue.Queue()  # None ends the thread
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, name="database-writer", daemon=True)
        self._thread.start()

    def write(self, operation: Callable[[Transaction], T], seconds: float = PATIENCE_SECONDS, *, size: int = 0) -> T:
        """Return what an operation returns, once its transaction is committed; `size` are the bytes that it writes.

        It may be called several times: its group begins again if one of it fails, and if the connection was lost. An
        ApiError of its own, raised before it has written anything, spoils no group. Raises DatabaseUnavailable if the
        database cannot be used, was closed, or does not let the transaction begin within `seconds`: it is surely not
        carried out then. Raises OutcomeUnknown if the database was lost while it committed.
        """
        if self._is_closed:
            raise DatabaseUnavailable
        write = Write(operation, size)
        self._writes.put(write)
        try:
            result: T = write.done.result(seconds)
        except TimeoutError:
            if write.give_up():
                raise DatabaseUnavailable from None
            result = write.done.result()
        finally:
            write.give_up()  # if the greenlet that waits is being killed
        return result

    def close(self, seconds: float) -> None:
        """Close the connection after the operations that wait, and end the thread; wait up to `seconds` for that."""
        self._is_closed = True
        self._writes.put(None)
        self._thread.join(seconds)

    def _run(self) -> None:
        while write := self._writes.get():
            group = Group([write])
            try:
                self._fill(group)
                self._settle(group)
            except DatabaseUnavailable as error:
                group.fail(error)
            except BaseException as error:  # the writer's thread has to outlive what one group does
                log.exception("a transaction of the jobs' database failed")
                group.fail(error)
        self._connection.close()

    def _fill(self, group: Group) -> None:
        """Have the group take what else waits, as far as its size allows."""
        size = group.writes[0].size
        while len(group.writes) < MAX_GROUP and size < MAX_GROUP_BYTES and not self._writes.empty():
            write = self._writes.get()
            if write is None:
                self._writes.put(None)  # for `_run`, after this group
                return
            group.writes.append(write)
            size += write.size

    def _settle(self, group: Group) -> None:
        """Have a group committed, and tell its waiters."""
        try:
            self._commit(group)
        except OutcomeUnknown as error:
            if not self._was_committed(error):
                raise DatabaseUnavailable from error
        group.settle()

    def _commit(self, group: Group) -> None:
        """Commit a group, if another process holds the lock for as long as one of its waiters has patience."""
        while True:
            try:
                return self._connection.call(group.commit)
            except DatabaseLocked:
                if group.has_begun or not any(write.is_unclaimed for write in group.writes):
                    raise

    def _was_committed(self, lost: OutcomeUnknown) -> bool:
        """Return whether the database has committed a transaction. Raises OutcomeUnknown again if it does not say."""
        number, end = lost.transaction_number, time.monotonic() + OUTCOME_SECONDS
        while number is not None and time.monotonic() < end:
            with suppress(DatabaseUnavailable):
                status = self._connection.call(partial(_status, number=number))
                if status in ("committed", "aborted"):
                    return status == "committed"
            time.sleep(OUTCOME_PAUSE_SECONDS)
        raise lost


def _status(connection: Connection, number: int) -> str:
    try:
        with connection.begin():
            return str(connection.execute(OUTCOME, {"number": number}).scalar_one())
    except DataError:  # a number of the future: the server that has taken over never had it
        return "aborted"
