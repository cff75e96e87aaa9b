"""Latency of each engine (p50, p90): the recent pictures', and what it lets expect of the next."""

import heapq
import math
import statistics
import time
from collections.abc import Sequence

MAX_LATENCIES = 50  # old pictures tell little: an engine has its hours
RECENT_SECONDS = 3600.0
HIGH_SHARE = 0.9
OVERDUE_SHARE = 0.25  # nothing recorded tells how long it goes on; so the estimate never ends before the picture does


class Latencies:
    """The seconds that recent pictures took, without waiting in the queue. Safe to read from any thread."""

    def __init__(self) -> None:
        self._taken: dict[str, tuple[tuple[float, float], ...]] = {}

    def add(self, engine: str, seconds: float) -> None:
        """Record the latency of a picture that was made and saved."""
        self._taken[engine] = (*self._taken.get(engine, ()), (time.monotonic(), seconds))[-MAX_LATENCIES:]

    def _recent(self, engine: str) -> list[float]:
        """Return the latencies of the last hour, sorted: older ones might keep all clients away from the engine."""
        begin = time.monotonic() - RECENT_SECONDS
        return sorted(seconds for made, seconds in self._taken.get(engine, ()) if made > begin)

    def p50(self, engine: str) -> float | None:
        """Return the median in seconds; None if nothing is recent."""
        recent = self._recent(engine)
        return statistics.median(recent) if recent else None

    def p90(self, engine: str) -> float | None:
        """Return what nine tenths of the pictures did not exceed, in seconds; None if nothing is recent."""
        recent = self._recent(engine)
        return recent[math.ceil(len(recent) * HIGH_SHARE) - 1] if recent else None

    def seconds_to_picture(self, engine: str, position: int, slots: Sequence[float]) -> int | None:
        """Return the seconds until a request at that position of the queue has its picture; None if unknown.

        It waits for a slot and for those before it, each of which takes a p50 as the own picture does. `slots` are the
        seconds until each slot is free.
        """
        p50 = self.p50(engine)
        return None if p50 is None else math.ceil(seconds_to_turn(position, slots, p50) + p50)

    def seconds_to_slot(self, engine: str, slots: Sequence[float]) -> int | None:
        """Return the seconds until a slot, and so room in a full queue, is likely to be free; None if unknown."""
        p50 = self.p50(engine)
        return None if p50 is None else max(1, math.ceil(min(slots)))

    def seconds_remaining(self, engine: str, elapsed: float) -> int | None:
        """Return the seconds that a picture is likely to need after `elapsed`; None if that exceeds its p90."""
        usual = (self.p50(engine), self.p90(engine))
        return next((math.ceil(seconds - elapsed) for seconds in usual if seconds and seconds > elapsed), None)


def seconds_to_turn(position: int, slots: Sequence[float], each: float) -> float:
    """Return the seconds until the request at that position of a queue, 1 for the next, has a slot.

    `slots` are the seconds until each slot is free; each request before it then holds one for `each` seconds.
    """
    free = list(slots)
    heapq.heapify(free)
    for _ in range(position - 1):
        heapq.heapreplace(free, free[0] + each)
    return free[0]


def seconds_overdue(elapsed: float) -> float:
    """Return the seconds for which a picture is likely to go on that takes longer than expected: the more it took."""
    return max(1.0, elapsed * OVERDUE_SHARE)
