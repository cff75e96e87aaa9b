"""Payers: on whose limits the new pictures of a request count."""

from typing import Protocol

from render_worker.contract import GenerateRequest, GenerateResult


class Charge(Protocol):
    """What one new picture was charged for. One of its methods is called once, when its generation has ended."""

    max_price: float | None
    """What the picture may cost at most, in US dollars; None if its payer has no budget."""

    def settle(self, result: GenerateResult) -> None:
        """Correct the charge by what the picture did cost; one that was made for another request costs nothing."""

    def refund(self, cost: float | None = 0) -> None:
        """Take the charge back: no picture was made. Attempts at it may have cost `cost` US dollars all the same; None
        if that is not known.
        """


class Payer(Protocol):
    """Whose limits the new pictures of a request count on. Thread-safe."""

    def require(self, requests: list[GenerateRequest]) -> None:
        """Raise RateLimited or BudgetSpent unless new pictures of these could all be charged now; charge nothing."""

    def charge(self, request: GenerateRequest) -> Charge:
        """Charge one new picture. Raises RateLimited or BudgetSpent, with nothing charged, if that exceeds a limit."""
