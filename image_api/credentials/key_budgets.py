"""The budgets of API keys, counted in the jobs' database. Its library is loaded once they are needed."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from image_api.jobs.errors import DatabaseUnavailable
from image_api.key_entries import MICROS, dollars_of
from image_api.limits.errors import BudgetSpent
from image_api.limits.prices import KnownPrices, Prices, TooDear, micros_up
from render_worker.contract import GenerateRequest

if TYPE_CHECKING:
    from image_api.credentials.spending import Spent
    from image_api.jobs.database.database import Database
    from image_api.jobs.database.transaction import Transaction

SETTLE_SECONDS = 2.0  # after which a picture is not kept waiting for what is only given back
DOWN = "What this key's pictures have cost today cannot be looked up now."

log = logging.getLogger(__name__)


class KeyBudgets:
    """Counts what the pictures of keys cost, as `Budgets`. Thread-safe.

    A reservation is counted before a picture begins, and stays if this process ends before the picture has.
    """

    def __init__(self, database: Callable[[], "Database"], prices: Prices) -> None:
        """`database` returns that of the credentials, or raises DatabaseUnavailable."""
        self._database = database
        self._prices = prices

    def require(self, account: str, budget: int, requests: Sequence[GenerateRequest]) -> None:
        """Raise BudgetSpent unless pictures of all these could be reserved for now; reserve nothing."""
        with _as_budgets():
            database = self._database()
            from image_api.credentials.spending import spent

            before = database.read(partial(spent, account=account))
        left, prices = budget - before.micros, self._prices.latest()
        for request in requests:
            left -= _amount(prices, request, left, budget, before.seconds_left)

    def reserve(self, account: str, budget: int, request: GenerateRequest, name: str | None = None) -> "KeyReservation":
        """Reserve what the picture may cost, under a name if another process may settle it."""
        prices = self._prices.latest()  # here: `amount` is called in the native thread of the database

        def amount(before: "Spent") -> int:
            return _amount(prices, request, budget - before.micros, budget, before.seconds_left)

        with _as_budgets():
            database = self._database()
            from image_api.credentials.spending import reserve

            day, micros = database.write(partial(reserve, account=account, amount=amount, name=name))
        return KeyReservation(database, account, day, micros)

    def settle(self, name: str, cost: float | None) -> None:
        """Settle the reservation of a name, if there is one."""
        with _as_budgets():
            database = self._database()
            from image_api.credentials.spending import settle

            database.write(partial(settle, name=name, micros=None if cost is None else micros_up(cost)))


class KeyReservation:
    """What is counted for one picture."""

    def __init__(self, database: "Database", account: str, day: str, micros: int) -> None:
        self._database = database
        self._account = account
        self._day = day
        self._micros: int | None = micros
        self.max_price = micros / MICROS

    def settle(self, cost: float | None) -> None:
        """Put what was billed in the place of the amount; what cannot be given back now stays counted."""
        reserved, self._micros = self._micros, None
        if reserved is None or cost is None or reserved == micros_up(cost):
            return
        try:
            self._database.write(self._correction(micros_up(cost) - reserved), SETTLE_SECONDS)
        except DatabaseUnavailable:
            log.warning("budget of %s: what a picture did not cost stays counted: no database", self._account)

    def _correction(self, micros: int) -> "Callable[[Transaction], None]":
        from image_api.credentials.spending import correct

        return partial(correct, account=self._account, day=self._day, micros=micros)


def _amount(prices: KnownPrices, request: GenerateRequest, left: int, budget: int, seconds_left: int) -> int:
    """Return what is reserved for a picture. Raises BudgetSpent if no engine makes it for what is left."""
    found = prices.amount(request, max(0, left), budget)
    if not isinstance(found, TooDear):
        return found
    costs, allowed = dollars_of(found.cheapest), dollars_of(budget)
    if found.cheapest > budget:
        raise BudgetSpent(f"This picture costs up to ${costs}, and this key may spend ${allowed} a day.", None)
    raise BudgetSpent(
        f"This picture costs up to ${costs}, and less is left of this key's ${allowed} a day.", seconds_left
    )


@contextmanager
def _as_budgets() -> Iterator[None]:
    """Let DatabaseUnavailable, whose sentence is about jobs, say that of budgets."""
    try:
        yield
    except DatabaseUnavailable:
        raise DatabaseUnavailable(DOWN) from None
