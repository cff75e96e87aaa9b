"""A ledger in a file, for the processes of one machine: SQLite, in a thread of its own."""

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from render_worker.budgets.errors import BudgetUnavailable
from render_worker.budgets.ledger import Ledger, Reservation

BUSY_SECONDS = 2.0  # while another process writes
TABLE = "CREATE TABLE IF NOT EXISTS spent (day TEXT, engine TEXT, micros INTEGER NOT NULL, PRIMARY KEY (day, engine))"
COUNT = "INSERT INTO spent VALUES (?, ?, ?) ON CONFLICT (day, engine) DO UPDATE SET micros = excluded.micros"

T = TypeVar("T")

log = logging.getLogger(__name__)


class FileLedger(Ledger):
    """Counts in a SQLite file. A sum is on the disk before its picture is asked for, so that no crash forgets it."""

    def __init__(self, path: Path) -> None:
        """Open nothing yet."""
        self._path = path
        self._thread = ThreadPoolExecutor(1, "budgets")
        self._connection: sqlite3.Connection | None = None

    def problem(self) -> str | None:
        """Return why the file, which is made if it is not there, cannot be written; None if it can."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            connection = self._connected()
            connection.execute("DELETE FROM spent WHERE day < date('now', '-7 days')")
            connection.close()
        except (OSError, sqlite3.Error) as error:
            return f"BUDGET_FILE cannot be used: {self._path} cannot be written ({error})."
        return None

    async def reserve(self, reservation: Reservation, limit: int, least: int) -> tuple[bool, int]:
        def count(connection: sqlite3.Connection) -> tuple[bool, int]:
            before = max(least, _sum(connection, reservation))
            after = before + reservation.micros
            if after > limit:
                return False, before
            connection.execute(COUNT, (reservation.day, reservation.engine, after))
            return True, after

        return await self._transaction(count)

    async def release(self, reservation: Reservation) -> int:
        def uncount(connection: sqlite3.Connection) -> int:
            after = max(0, _sum(connection, reservation) - reservation.micros)
            connection.execute(COUNT, (reservation.day, reservation.engine, after))
            return after

        return await self._transaction(uncount)

    async def spent(self, engine: str, day: str) -> int:
        return await self._transaction(lambda connection: _sum(connection, Reservation(engine, day, 0)))

    async def close(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, self._disconnect)
        self._thread.shutdown()

    async def _transaction(self, work: Callable[[sqlite3.Connection], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._run, work)

    def _run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Return the result of the work in a transaction; after an error the file is opened anew the next time."""
        try:
            connection = self._connection = self._connection or self._connected()
            connection.execute("BEGIN IMMEDIATE")
            result = work(connection)
            connection.execute("COMMIT")
        except (sqlite3.Error, ValueError) as error:  # ValueError: a sum that is no number
            self._disconnect()
            log.warning("budgets: %s: %s", self._path, error)
            raise BudgetUnavailable("What this engine has cost today cannot be counted in BUDGET_FILE.") from error
        return result

    def _connected(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA synchronous = FULL")  # a power failure must not forget what was bought
        connection.execute(TABLE)
        return connection

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection:
            connection.close()


def _sum(connection: sqlite3.Connection, of: Reservation) -> int:
    found = connection.execute("SELECT micros FROM spent WHERE day = ? AND engine = ?", (of.day, of.engine)).fetchone()
    return int(found[0]) if found else 0
