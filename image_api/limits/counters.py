"""Counters of units by payer and window, in the memory of this process or in Redis."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from image_api.rates import Rate

if TYPE_CHECKING:
    from limits.storage import Storage


@dataclass(frozen=True, slots=True)
class Window:
    """One window of a payer's rate. It begins with the clock's, so that a window of a day is a day of UTC."""

    payer: str
    rate: Rate
    begins: float
    """In seconds since the epoch."""

    @classmethod
    def at(cls, moment: float, payer: str, rate: Rate) -> "Window":
        """Return the window of a moment."""
        return cls(payer, rate, moment // rate.seconds * rate.seconds)

    @property
    def ends(self) -> float:
        """Return when it ends, in seconds since the epoch."""
        return self.begins + self.rate.seconds

    @property
    def key(self) -> str:
        """Return the name of its counter."""
        return f"{self.payer}/{self.rate.amount}/{self.rate.seconds}/{self.begins:.0f}"


class Counters:
    """Counters in a storage of the library `limits`, which forgets them when their windows are over.

    Its strategies are not used: they count what they refuse, and take nothing back.
    """

    def __init__(self, storage: "Storage") -> None:
        self._storage = storage

    def used(self, windows: Iterable[Window]) -> list[int]:
        """Return how many units of each window are used."""
        return [max(0, self._storage.get(window.key)) for window in windows]

    def take(self, windows: list[Window], units: int) -> list[int]:
        """Add units to all windows unless that exceeds one of them. Return how many were used of each before."""
        before = self.used(windows)
        if exceeded(windows, before, units):
            return before  # without a moment in which others would be refused for what is taken back again
        before = [used - units for used in self.add(windows, units)]
        if exceeded(windows, before, units):  # another process was faster
            self.add(windows, -units)
        return before

    def add(self, windows: Iterable[Window], units: int) -> list[int]:
        """Add units to windows, also beyond their rates, and return how many are used; a negative number takes back."""
        return [self._storage.incr(window.key, window.rate.seconds, units) for window in windows]


def exceeded(windows: Iterable[Window], used: Iterable[int], units: int) -> list[Window]:
    """Return the windows that so many units more would exceed."""
    return [window for window, before in zip(windows, used, strict=True) if before + units > window.rate.amount]
