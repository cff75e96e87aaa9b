"""A moment by which a request, or a part of it, has to be done: one type for every budget of time in both tiers."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

Clock = Callable[[], float]
"""Return seconds that only ever grow, such as `time.monotonic` or an event loop's `time`."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment of a monotonic clock. Deadlines are compared, and combined, only with those of the same clock."""

    at: float
    clock: Clock = field(default=time.monotonic, repr=False, compare=False)

    @classmethod
    def after(cls, seconds: float, clock: Clock = time.monotonic) -> "Deadline":
        """Return the deadline `seconds` from now; `math.inf` makes one that never expires."""
        return cls(clock() + seconds, clock)

    @property
    def remaining(self) -> float:
        """Return the seconds that are left, 0 if it has expired."""
        return max(0.0, self.at - self.clock())

    @property
    def expired(self) -> bool:
        """Return whether no time is left."""
        return self.clock() >= self.at

    def at_most(self, seconds: float) -> float:
        """Return a timeout: `seconds`, or what remains if that is less."""
        return min(self.remaining, seconds)

    def share(self, parts: float) -> float:
        """Return the seconds of one of `parts` equal parts of what remains."""
        return self.remaining / parts

    def later_by(self, seconds: float) -> "Deadline":
        """Return the deadline that lies `seconds` after this one, or before it if they are negative."""
        return Deadline(self.at + seconds, self.clock)

    def earlier(self, other: "Deadline | None") -> "Deadline":
        """Return the one of the two that expires first; this one if there is no other."""
        return self if other is None or self.at <= other.at else other
