"""The interface of ledgers: where it is kept what engines have cost."""

from abc import ABC, abstractmethod
from dataclasses import dataclass


@dataclass(frozen=True)
class Reservation:
    """An amount that a picture may cost, in micro-dollars."""

    engine: str
    day: str
    """Of UTC, as 2026-11-30."""
    micros: int


class Ledger(ABC):
    """Counts what engines cost in a day. Each method is atomic among all that use it, ends within seconds, and raises
    BudgetUnavailable if it cannot be known what has been counted.
    """

    @abstractmethod
    def problem(self) -> str | None:
        """Return why nothing can be counted as it is set up, as a sentence; None if that is not known."""

    @abstractmethod
    async def reserve(self, reservation: Reservation, limit: int, least: int) -> tuple[bool, int]:
        """Count an amount unless the day's sum would exceed `limit`; return whether it was, and the sum.

        `least` is the sum at least, in case that the ledger has lost it.
        """

    @abstractmethod
    async def release(self, reservation: Reservation) -> int:
        """Take an amount back that was counted; return the sum."""

    @abstractmethod
    async def spent(self, engine: str, day: str) -> int:
        """Return the sum of an engine's day."""

    @abstractmethod
    async def close(self) -> None:
        """Release everything."""
