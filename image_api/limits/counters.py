"""Counters of units by payer and window, in the memory of this process or in Redis."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

from image_api.rates import Rate
from render_worker.serving.deadline import Clock

if TYPE_CHECKING:
    from limits.storage import Storage


class Window(NamedTuple):
    """One window of a payer's rate. It begins with the clock's, so that a window of a day is a day of UTC."""

    payer: str
    rate: Rate
    begins: float
    """In seconds since the epoch."""
    ends: float

    @classmethod
    def at(cls, moment: float, payer: str, rate: Rate) -> "Window":
        """Return the window of a moment."""
        begins = moment // rate.seconds * rate.seconds
        return cls(payer, rate, begins, begins + rate.seconds)

    @property
    def key(self) -> str:
        """Return the name of its counter."""
        return f"{self.payer}/{self.rate.amount}/{self.rate.seconds}/{self.begins:.0f}"


class Counters(Protocol):
    """Counters of windows, which are forgotten when their windows are over."""

    def used(self, windows: Iterable[Window]) -> list[int]:
        """Return how many units of each window are used."""

    def add(self, windows: Iterable[Window], units: int) -> list[int]:
        """Add units to windows, also beyond their rates, and return how many are used; a negative number takes back."""

    def take(self, windows: Sequence[Window], units: int) -> list[int]:
        """Add units to all windows unless that exceeds one of them. Return how many were used of each before."""


class MemoryCounters:
    """Counters in the memory of this process. One thread at a time.

    Those of the library `limits` are not used: each change there begins a thread, which looks at all counters.
    """

    def __init__(self, clock: Clock) -> None:
        """`clock` returns seconds since the epoch."""
        self._clock = clock
        self._by_end: dict[float, dict[Window, int]] = {}
        """The counters of all windows by when they end, so that they are forgotten together."""

    def used(self, windows: Iterable[Window]) -> list[int]:
        return [self._by_end.get(window.ends, {}).get(window, 0) for window in windows]

    def add(self, windows: Iterable[Window], units: int) -> list[int]:
        return [self._add(window, units) for window in windows]

    def take(self, windows: Sequence[Window], units: int) -> list[int]:
        before = self.used(windows)
        if not exceeded(windows, before, units):
            self.add(windows, units)
        return before

    def __len__(self) -> int:
        return sum(map(len, self._by_end.values()))

    def _add(self, window: Window, units: int) -> int:
        if window.ends not in self._by_end:
            now = self._clock()
            self._by_end = {ends: counts for ends, counts in self._by_end.items() if ends > now}
            self._by_end[window.ends] = {}
        counts = self._by_end[window.ends]
        counts[window] = max(0, counts.get(window, 0) + units)
        return counts[window]


class RedisCounters:
    """Counters in a storage of the library `limits`, which all processes share.

    Its strategies are not used: they count what they refuse, and take nothing back.
    """

    def __init__(self, storage: "Storage") -> None:
        self._storage = storage

    def used(self, windows: Iterable[Window]) -> list[int]:
        return [max(0, self._storage.get(window.key)) for window in windows]

    def add(self, windows: Iterable[Window], units: int) -> list[int]:
        return [self._storage.incr(window.key, window.rate.seconds, units) for window in windows]

    def take(self, windows: Sequence[Window], units: int) -> list[int]:
        before = self.used(windows)
        if exceeded(windows, before, units):
            return before  # without a moment in which others would be refused for what is taken back again
        before = [used - units for used in self.add(windows, units)]
        if exceeded(windows, before, units):  # another process was faster
            self.add(windows, -units)
        return before


def exceeded(windows: Iterable[Window], used: Iterable[int], units: int) -> list[Window]:
    """Return the windows that so many units more would exceed."""
    return [window for window, before in zip(windows, used, strict=True) if before + units > window.rate.amount]
