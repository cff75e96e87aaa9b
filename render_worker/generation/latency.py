"""Latency (p50, p90, p95) and success rate of each engine in the last hour, and what it lets expect of a picture."""

import heapq
import math
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

MAX_LATENCIES = MAX_OUTCOMES = 500  # of an engine: eight a minute for an hour, and a bound of memory
RECENT_SECONDS = 3600.0  # old pictures tell little: an engine has its hours
MAX_SIMULATED = 100
OVERDUE_SHARE = 0.25  # nothing recorded tells how long it goes on; so the estimate never ends before the picture does


@dataclass(frozen=True)
class _Attempt:
    """One attempt: when it ended, by the monotonic clock, its seconds, and whether it made its picture."""

    ended: float
    seconds: float
    made: bool


_Taken = tuple[_Attempt, ...]


@dataclass(frozen=True)
class _Sorted:
    """The recent latencies of `taken` in order, as long as `oldest` is recent: progress asks for them all the time."""

    taken: _Taken
    oldest: float
    seconds: tuple[float, ...]
    of_made: tuple[float, ...]


class Latencies:
    """The seconds that recent pictures took, without waiting in the queue, and the share of attempts that succeeded.

    An attempt that was overtaken would have taken longer still: left out, an engine that has become slow would look as
    fast as it was, because only its quick pictures were ever kept.

    It is written by the loop's thread, and safe to read from any.
    """

    def __init__(self) -> None:
        self._taken: dict[str, _Taken] = {}
        self._sorted: dict[str, _Sorted] = {}
        self._outcomes: dict[str, tuple[tuple[float, bool], ...]] = {}

    def add(self, engine: str, seconds: float) -> None:
        """Record the latency of a picture that was made and saved."""
        self._add(engine, _Attempt(time.monotonic(), seconds, made=True))

    def add_overtaken(self, engine: str, seconds: float) -> None:
        """Record an attempt that was overtaken: it brought no picture, and took at least so many seconds."""
        self._add(engine, _Attempt(time.monotonic(), seconds, made=False))
        self.add_outcome(engine, success=False)

    def _add(self, engine: str, attempt: _Attempt) -> None:
        self._taken[engine] = (*self._taken.get(engine, ()), attempt)[-MAX_LATENCIES:]

    def add_outcome(self, engine: str, *, success: bool) -> None:
        """Record whether an attempt brought a picture; one that failed by the request's own fault does not count."""
        self._outcomes[engine] = (*self._outcomes.get(engine, ()), (time.monotonic(), success))[-MAX_OUTCOMES:]

    def success_rate(self, engine: str) -> float | None:
        """Return the share of recent attempts that brought a picture; None if nothing is recent."""
        begin = time.monotonic() - RECENT_SECONDS
        recent = [success for ended, success in self._outcomes.get(engine, ()) if ended > begin]
        return sum(recent) / len(recent) if recent else None

    def count(self, engine: str) -> int:
        """Return how many pictures are recent, some hundreds at most."""
        return len(self._recent(engine).of_made)

    def _recent(self, engine: str) -> _Sorted:
        """Return the latencies of the last hour, sorted: older ones might keep all clients away from the engine."""
        taken, known = self._taken.get(engine, ()), self._sorted.get(engine)
        begin = time.monotonic() - RECENT_SECONDS
        if known is None or known.taken is not taken or known.oldest <= begin:
            recent = sorted((it for it in taken if it.ended > begin), key=lambda it: it.seconds)
            oldest = min((it.ended for it in recent), default=math.inf)
            of_made = tuple(it.seconds for it in recent if it.made)
            known = self._sorted[engine] = _Sorted(taken, oldest, tuple(it.seconds for it in recent), of_made)
        return known

    def p50(self, engine: str) -> float | None:
        """Return the median in seconds; None if nothing is recent."""
        recent = self._recent(engine).seconds
        return statistics.median(recent) if recent else None

    def p90(self, engine: str) -> float | None:
        """Return what nine tenths of the attempts did not exceed, in seconds; None if nothing is recent."""
        return _exceeded_by_few(self._recent(engine).seconds, 90)

    def p95(self, engine: str) -> float | None:
        """Return what 95 of 100 attempts did not exceed, in seconds; None if nothing is recent."""
        return _exceeded_by_few(self._recent(engine).seconds, 95)

    def p95_of_made(self, engine: str) -> float | None:
        """Return the same of those attempts alone that were not overtaken."""
        return _exceeded_by_few(self._recent(engine).of_made, 95)

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


def _exceeded_by_few(recent: Sequence[float], percent: int) -> float | None:
    return recent[math.ceil(len(recent) * percent / 100) - 1] if recent else None


def seconds_to_turn(position: int, slots: Sequence[float], each: float) -> float:
    """Return the seconds until the request at that position of a queue, 1 for the next, has a slot.

    `slots` are the seconds until each slot is free; each request before it then holds one for `each` seconds. Beyond
    MAX_SIMULATED requests the slots are taken for equal.
    """
    free = list(slots)
    heapq.heapify(free)
    simulated = min(position - 1, MAX_SIMULATED)
    for _ in range(simulated):
        heapq.heapreplace(free, free[0] + each)
    return free[0] + (position - 1 - simulated) * each / len(free)


def seconds_overdue(elapsed: float) -> float:
    """Return the seconds for which a picture is likely to go on that takes longer than expected: the more it took."""
    return max(1.0, elapsed * OVERDUE_SHARE)
