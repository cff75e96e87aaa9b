"""Budgets: what the pictures of an account may cost in a day of UTC, in micro-dollars."""

from collections.abc import Sequence
from typing import Protocol

from render_worker.contract import GenerateRequest


class Reservation(Protocol):
    """An amount of a budget that is held for one picture."""

    max_price: float
    """It in US dollars; 0 if nothing is left, and engines that are free may still make the picture."""

    def settle(self, cost: float | None) -> None:
        """Put what was billed, in US dollars, in the place of the amount; None if that is not known: it stays then.

        What is over is given back to the day from which it was taken. Only the first call has an effect.
        """


class Budgets(Protocol):
    """Counts what the pictures of accounts cost. Thread-safe, and atomic among all processes of this service."""

    def require(self, account: str, budget: int, requests: Sequence[GenerateRequest]) -> None:
        """Raise BudgetSpent unless pictures of all these could be reserved for now; reserve nothing."""

    def reserve(self, account: str, budget: int, request: GenerateRequest) -> Reservation:
        """Reserve what the picture may cost, of a budget of so many micro-dollars a day.

        Raises BudgetSpent if no engine that may make it is free, or costs no more than what is left, and
        DatabaseUnavailable if it cannot be known what was spent.
        """
