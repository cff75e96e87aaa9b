"""Latency of each engine (p50, p90): the recent pictures', and what it lets expect of the next."""

import math
import statistics
import time

MAX_LATENCIES = 50  # old pictures tell little: an engine has its hours
RECENT_SECONDS = 3600.0
HIGH_SHARE = 0.9


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

    def seconds_to_picture(self, engine: str, position: int, slots: int) -> int | None:
        """Return the seconds until a request at that position of the queue has its picture; None if unknown.

        When all slots are taken, one becomes free each p50 / `slots` seconds; the own picture takes another p50.
        """
        p50 = self.p50(engine)
        return None if p50 is None else math.ceil(p50 * position / slots + p50)

    def seconds_to_slot(self, engine: str, slots: int) -> int | None:
        """Return the seconds until a slot, and so room in a full queue, is likely to be free; None if unknown."""
        p50 = self.p50(engine)
        return None if p50 is None else math.ceil(p50 / slots)

    def seconds_remaining(self, engine: str, elapsed: float) -> int | None:
        """Return the seconds that a picture is likely to need after `elapsed`; None if that exceeds its p90."""
        usual = (self.p50(engine), self.p90(engine))
        return next((math.ceil(seconds - elapsed) for seconds in usual if seconds and seconds > elapsed), None)
