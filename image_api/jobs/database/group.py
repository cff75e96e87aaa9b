"""A group of operations, and the one transaction that carries them out."""

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from image_api.errors import ApiError
from image_api.jobs.database.failures import meaning_of
from image_api.jobs.database.transaction import Transaction
from image_api.jobs.errors import DatabaseUnavailable, OutcomeUnknown

Operation = Callable[[Transaction], Any]


class Write:
    """An operation, and the future of the greenlet that waits for it."""

    def __init__(self, operation: Operation, size: int) -> None:
        self.operation = operation
        self.size = size
        self.done: Future[Any] = Future()
        self._unclaimed = [True]

    def claim(self) -> bool:
        """Return True to the first caller alone: the transaction, or the waiter that gives it up. Takes no lock."""
        try:
            return self._unclaimed.pop()
        except IndexError:
            return False

    def give_up(self) -> bool:
        """Return whether it is now sure that it is never carried out; it needs no memory then."""
        if not self.claim():
            return False
        self.operation = _nothing
        return True

    @property
    def is_unclaimed(self) -> bool:
        """Return whether its waiter still waits for a transaction to begin."""
        return bool(self._unclaimed)

    def settle(self, result: object, error: BaseException | None) -> None:
        """Tell the waiter what came of it, unless that was done."""
        if self.done.done():
            return
        if error:
            self.done.set_exception(error)
        else:
            self.done.set_result(result)


def _nothing(_: Transaction) -> None:
    """Stand for an operation that was given up."""


Settled = tuple[Write, Any, Exception | None]
"""An operation, what it returned, and why it failed."""


@dataclass
class Group:
    """Operations that are committed together. Its methods but `settle` and `fail` run in the connection's thread."""

    writes: list[Write]
    settled: list[Settled] = field(default_factory=list)
    """What came of each operation in the latest transaction, which may not be committed."""
    has_begun: bool = False
    """Whether its waiters can no longer give up."""

    def commit(self, connection: Connection) -> None:
        """Commit the operations without those that fail.

        Raises what the database raised, before anything is committed, and OutcomeUnknown if that is not known.
        """
        try:
            self._commit(connection, self._together)
        except Exception as error:  # of any operation: the others are not to fail with it
            if (isinstance(error, DBAPIError) and meaning_of(error)) or isinstance(error, OutcomeUnknown):
                raise
            self._commit(connection, self._each_alone)

    def settle(self) -> None:
        """Tell each waiter what came of its operation: it is committed."""
        for write, result, error in self.settled:
            write.settle(result, error)

    def fail(self, error: BaseException) -> None:
        """Tell each waiter that nothing was carried out, or that it is not known."""
        for write in self.writes:
            is_sure = isinstance(error, OutcomeUnknown) and write.give_up()
            write.settle(None, DatabaseUnavailable() if is_sure else error)

    def _commit(self, connection: Connection, carry_out: Callable[[Connection, Transaction], list[Settled]]) -> None:
        with connection.begin() as begun:
            transaction = Transaction.begin(connection)
            if not self.has_begun:  # nothing can be given up from here on
                self.writes = [write for write in self.writes if write.claim()]
                self.has_begun = True
            self.settled = carry_out(connection, transaction)
            transaction.flush()
            try:
                begun.commit()
            except DBAPIError as error:
                # What SQLite fails to commit is undone when its connection is closed.
                if transaction.number is None:
                    raise
                raise OutcomeUnknown(transaction.number) from error

    def _together(self, _: Connection, transaction: Transaction) -> list[Settled]:
        return [_carried_out(write, transaction) for write in self.writes]

    def _each_alone(self, connection: Connection, transaction: Transaction) -> list[Settled]:
        """Carry out each operation behind a savepoint, to which it is undone if it fails."""
        settled: list[Settled] = []
        for write in self.writes:
            alone = transaction.alone()
            try:
                with connection.begin_nested():
                    done = _carried_out(write, alone)
                    alone.flush()
            except Exception as error:  # it is raised in the greenlet that waits for this operation
                if isinstance(error, DBAPIError) and meaning_of(error):
                    raise
                done = write, None, error
            settled.append(done)
        return settled


def _carried_out(write: Write, transaction: Transaction) -> Settled:
    try:
        return write, write.operation(transaction), None
    except ApiError as error:  # before it has written anything
        return write, None, error
