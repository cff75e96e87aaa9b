"""Budgets: what the pictures of an account may cost in a day of UTC, in micro-dollars."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from image_api.errors import ApiError
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
        """Raise BudgetSpent unless pictures of all these could be reserved for now; reserve nothing.

        Raises DatabaseUnavailable if it cannot be known what was spent.
        """

    def reserve(self, account: str, budget: int, request: GenerateRequest, name: str | None = None) -> Reservation:
        """Reserve what the picture may cost, of a budget of so many micro-dollars a day. Raises as `require`.

        With a `name` any process may settle it; it is the same reservation if there is one of that name.
        """

    def settle(self, name: str, cost: float | None) -> None:
        """Settle the reservation of a name, if there is one. Raises DatabaseUnavailable if that is not known now."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What one account may spend in a day."""

    budgets: Budgets
    account: str
    micros: int

    def require(self, requests: Sequence[GenerateRequest]) -> None:
        """Raise BudgetSpent unless pictures of all these could be reserved for now; reserve nothing."""
        self.budgets.require(self.account, self.micros, requests)

    def reserve(self, request: GenerateRequest, name: str | None = None) -> Reservation:
        """Reserve what the picture may cost. Raises BudgetSpent if nothing that may make it costs so little."""
        return self.budgets.reserve(self.account, self.micros, request, name)


def billed_by(error: BaseException) -> float | None:
    """Return what a picture that ended in an error may have been billed, in US dollars; None if that is not known."""
    return error.billed if isinstance(error, ApiError) else None
