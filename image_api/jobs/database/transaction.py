"""The transaction of a group of operations."""

import time
from typing import Protocol, TypeVar, cast

from sqlalchemy import Connection, func, select, text

WRITER_LOCK = 0x6A6F6273  # "jobs": of PostgreSQL's advisory locks the one that a writer holds
# One writer at a time, as SQLite has it: no operation waits for another's row, and ids grow in the order of commits.
BEGIN = text(
    "SELECT set_config('lock_timeout', '2s', true), set_config('statement_timeout', '10s', true),"
    " set_config('idle_in_transaction_session_timeout', '10s', true), pg_advisory_xact_lock(:key),"
    " extract(epoch FROM clock_timestamp()), txid_current()"
).bindparams(key=WRITER_LOCK)


class Part(Protocol):
    """What operations of one kind put off until the end of their transaction, to write it at once."""

    def __init__(self, connection: Connection) -> None: ...

    def flush(self) -> None:
        """Write what was put off."""


P = TypeVar("P", bound=Part)


class Transaction:
    """The transaction of a group of operations, as one of them sees it."""

    def __init__(self, connection: Connection, now: float, number: int | None) -> None:
        self.now = now
        """Seconds since the epoch, by the database's clock."""
        self.number = number
        """By which PostgreSQL tells later whether it was committed; None for SQLite."""
        self._connection = connection
        self._parts: dict[type[Part], Part] = {}

    @classmethod
    def begin(cls, connection: Connection) -> "Transaction":
        """Return a transaction that has begun, once no other process writes."""
        if connection.dialect.name == "sqlite":  # BEGIN IMMEDIATE has waited, and the clock is this machine's
            return cls(connection, time.time(), None)
        row = connection.execute(BEGIN).one()
        return cls(connection, float(row[4]), int(row[5]))

    @property
    def connection(self) -> Connection:
        """Return the connection, whose statements see all that the operations before have written."""
        self.flush()
        return self._connection

    def without(self, kind: type[Part]) -> Connection:
        """Return the connection for statements that what one kind puts off is nothing to: it is put off further."""
        for each, part in self._parts.items():
            if each is not kind:
                part.flush()
        return self._connection

    def part(self, kind: type[P]) -> P:
        """Return the one object of a kind that this transaction has."""
        if kind not in self._parts:
            self._parts[kind] = kind(self._connection)
        return cast(P, self._parts[kind])

    def flush(self) -> None:
        """Write what the operations have put off."""
        for part in self._parts.values():
            part.flush()

    def alone(self) -> "Transaction":
        """Return it for one operation, after which it is flushed, so that it is known whose fault an error is."""
        return Transaction(self._connection, self.now, self.number)


def clock_of(connection: Connection) -> float:
    """Return seconds since the epoch, by the database's clock."""
    if connection.dialect.name == "sqlite":
        return time.time()
    return float(connection.execute(select(func.extract("epoch", func.clock_timestamp()))).scalar_one())
