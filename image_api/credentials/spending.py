"""What the pictures of accounts have cost, as rows of their table: one for each account and day of UTC."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, bindparam, insert, select, update

from image_api.jobs.database.tables import spending
from image_api.jobs.database.transaction import Transaction, clock_of

OF_THE_DAY = (spending.c.account == bindparam("its_account")) & (spending.c.day == bindparam("its_day"))
SPENT = select(spending.c.micros).where(OF_THE_DAY)
CHANGE = update(spending).where(OF_THE_DAY).values(micros=bindparam("new_micros"))


@dataclass(frozen=True, slots=True)
class Spent:
    """What an account has spent, in micro-dollars, reservations included."""

    day: str
    micros: int
    seconds_left: int
    """Until the day ends."""


def spent(connection: Connection, account: str) -> Spent:
    """Return what an account has spent today."""
    return _spent(connection, account, clock_of(connection))


def reserve(transaction: Transaction, account: str, amount: Callable[[Spent], int]) -> tuple[Spent, int]:
    """Count the micro-dollars that `amount` returns of what was spent before; return both.

    No other reservation comes in between, in any process: a database has one writer at a time.
    """
    before = _spent(transaction.connection, account, transaction.now)
    micros = amount(before)
    _add(transaction.connection, account, before.day, micros)
    return before, micros


def correct(transaction: Transaction, account: str, day: str, micros: int) -> None:
    """Add to what was spent in a day, or take from it if that is negative."""
    _add(transaction.connection, account, day, micros)


def _spent(connection: Connection, account: str, now: float) -> Spent:
    moment = datetime.fromtimestamp(now, UTC)
    day = moment.date().isoformat()
    midnight = (moment + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    return Spent(day, _micros(connection, account, day) or 0, int((midnight - moment).total_seconds()) + 1)


def _add(connection: Connection, account: str, day: str, micros: int) -> None:
    if not micros:
        return
    before = _micros(connection, account, day)
    if before is None:
        connection.execute(insert(spending), {"account": account, "day": day, "micros": max(0, micros)})
    else:
        new = max(0, before + micros)
        connection.execute(CHANGE, {"its_account": account, "its_day": day, "new_micros": new})


def _micros(connection: Connection, account: str, day: str) -> int | None:
    return connection.execute(SPENT, {"its_account": account, "its_day": day}).scalar()
