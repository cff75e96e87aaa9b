"""What the pictures of accounts have cost, as rows of their table: one for each account and day of UTC."""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from image_api.jobs.database.tables import reservations, spending
from image_api.jobs.database.transaction import Transaction, clock_of
from image_api.limits.utc_day import SECONDS, day_of

OF_THE_DAY = (spending.c.account == bindparam("its_account")) & (spending.c.day == bindparam("its_day"))
SPENT = select(spending.c.micros).where(OF_THE_DAY)
CHANGE = update(spending).where(OF_THE_DAY).values(micros=bindparam("new_micros"))

NAMED = select(reservations).where(reservations.c.name == bindparam("its_name"))
PRUNE = delete(reservations).where(reservations.c.day < bindparam("its_day"))
FORGET = delete(reservations).where(reservations.c.name == bindparam("its_name"))


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


def reserve(
    transaction: Transaction, account: str, amount: Callable[[Spent], int], name: str | None = None
) -> tuple[str, int]:
    """Count the micro-dollars that `amount` returns of what was spent before; return the day and them.

    No other reservation comes in between, in any process: a database has one writer at a time. One with a name is kept
    for `settle`, and if there is one, it is returned.
    """
    connection = transaction.connection
    if name and (kept := connection.execute(NAMED, {"its_name": name}).one_or_none()):
        return kept.day, kept.micros
    before = _spent(connection, account, transaction.now)
    micros = amount(before)
    _add(connection, account, before.day, micros)
    if name:
        # What is held since before yesterday is of pictures that were lost.
        connection.execute(PRUNE, {"its_day": day_of(transaction.now - SECONDS).name})
        connection.execute(
            insert(reservations), {"name": name, "account": account, "day": before.day, "micros": micros}
        )
    return before.day, micros


def settle(transaction: Transaction, name: str, micros: int | None) -> None:
    """Put what was billed in the place of a reservation, which stays counted if that is None; forget it."""
    connection = transaction.connection
    if kept := connection.execute(NAMED, {"its_name": name}).one_or_none():
        connection.execute(FORGET, {"its_name": name})
        if micros is not None:
            _add(connection, kept.account, kept.day, micros - kept.micros)


def correct(transaction: Transaction, account: str, day: str, micros: int) -> None:
    """Add to what was spent in a day, or take from it if that is negative."""
    _add(transaction.connection, account, day, micros)


def _spent(connection: Connection, account: str, now: float) -> Spent:
    day = day_of(now)
    return Spent(day.name, _micros(connection, account, day.name) or 0, day.seconds_left)


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
