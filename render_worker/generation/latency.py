"""How long pictures take: the recent ones of each engine, and what they let expect of the next."""

import math
import statistics
import time

REMEMBERED = 50  # old pictures tell little: an engine has its hours
RECENT_SECONDS = 3600.0
HIGH_SHARE = 0.9


class Latencies:
    """The seconds that recent pictures took, without any waiting in the queue. Safe to read from any thread."""

    def __init__(self) -> None:
        self._taken: dict[str, tuple[tuple[float, float], ...]] = {}

    def add(self, engine: str, seconds: float) -> None:
        """Remember what a picture took that was made and kept."""
        self._taken[engine] = (*self._taken.get(engine, ()), (time.monotonic(), seconds))[-REMEMBERED:]

    def _recent(self, engine: str) -> list[float]:
        """Sorted. Where they are all of an hour that has passed, nothing is known: they might keep everybody away."""
        begin = time.monotonic() - RECENT_SECONDS
        return sorted(seconds for made, seconds in self._taken.get(engine, ()) if made > begin)

    def median(self, engine: str) -> float | None:
        """What half of them did not exceed; None where there is none."""
        recent = self._recent(engine)
        return statistics.median(recent) if recent else None

    def p90(self, engine: str) -> float | None:
        """What nine tenths of them did not exceed; None where there is none."""
        recent = self._recent(engine)
        return recent[math.ceil(len(recent) * HIGH_SHARE) - 1] if recent else None

    def until_done(self, engine: str, position: int, slots: int) -> int | None:
        """Seconds until a request at that position of the queue has its picture; None where nothing is known."""
        median = self.median(engine)
        # With every place taken one becomes free each median / places seconds, and the own picture takes its time too.
        return None if median is None else math.ceil(median * position / slots + median)

    def until_room(self, engine: str, slots: int) -> int | None:
        """Seconds until a place is likely to become free, and with it one in a full queue."""
        median = self.median(engine)
        return None if median is None else math.ceil(median / slots)

    def left(self, engine: str, elapsed: float) -> int | None:
        """Seconds that a picture of so many seconds is likely to need still; None where it takes longer than most."""
        usual = (self.median(engine), self.p90(engine))
        return next((math.ceil(seconds - elapsed) for seconds in usual if seconds and seconds > elapsed), None)
