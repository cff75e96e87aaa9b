"""The rate limiter: charges payers units for new pictures, as far as their rates allow."""

import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from image_api.limits.counters import Counters, MemoryCounters, RedisCounters, Window, exceeded
from image_api.limits.errors import RateLimited, TooManyAtOnce
from image_api.rates import Rate
from render_worker.serving.deadline import Clock

if TYPE_CHECKING:
    from limits.storage import Storage

    from image_api.redis_breaker import RedisBreaker

T = TypeVar("T")


class Quota(NamedTuple):
    """What is left of one rate of a payer."""

    rate: Rate
    remaining: int
    seconds: int
    """After which all of it is there again."""


@dataclass(frozen=True, slots=True)
class SharedCounting:
    """How all processes count together: a storage in Redis, and the circuit breaker before that."""

    open_storage: "Callable[[], Storage]"
    breaker: "RedisBreaker"


class RateLimiter:
    """Counts units by payer, in Redis if there is one, else in this process alone. Thread-safe.

    As long as Redis does not respond each process counts for itself, from 0 on.
    """

    def __init__(self, shared: SharedCounting | None = None, clock: Clock = time.time) -> None:
        """`clock` returns seconds since the epoch."""
        self._shared = shared
        self._clock = clock
        self._in_memory = MemoryCounters(clock)
        self._lock = threading.Lock()  # of those
        self._in_redis: RedisCounters | None = None

    def charge(self, payer: str, rates: Sequence[Rate], units: int) -> "UnitsCharged":
        """Charge units. Raises RateLimited, with nothing charged, if they would exceed a rate."""
        windows = self._windows(payer, rates)
        used = self._count(lambda counters: counters.take(windows, units))
        self._refuse_excess(windows, used, units)
        return UnitsCharged(self, windows, units)

    def require(self, payer: str, rates: Sequence[Rate], units: int) -> None:
        """Raise RateLimited if so many units would exceed a rate; charge nothing."""
        windows = self._windows(payer, rates)
        self._refuse_excess(windows, self._count(lambda counters: counters.used(windows)), units)

    def quotas(self, payer: str, rates: Sequence[Rate]) -> list[Quota]:
        """Return what is left of each rate."""
        windows, now = self._windows(payer, rates), self._clock()
        used = self._count(lambda counters: counters.used(windows))
        return [
            Quota(window.rate, max(0, window.rate.amount - before), _seconds(window.ends - now))
            for window, before in zip(windows, used, strict=True)
        ]

    def add(self, windows: Sequence[Window], units: int) -> None:
        """Add units to those windows that have not ended, also beyond their rates; a negative number takes back."""
        if units and (current := [window for window in windows if window.ends > self._clock()]):
            self._count(lambda counters: counters.add(current, units))

    def _windows(self, payer: str, rates: Sequence[Rate]) -> list[Window]:
        now = self._clock()
        return [Window.at(now, payer, rate) for rate in rates]

    def _refuse_excess(self, windows: list[Window], used: list[int], units: int) -> None:
        if never := [window.rate for window in windows if units > window.rate.amount]:
            raise TooManyAtOnce(never[0], units)
        if over := exceeded(windows, used, units):
            last = max(over, key=lambda window: window.ends)
            raise RateLimited(
                _sentence(last.rate, used[windows.index(last)], units), _seconds(last.ends - self._clock())
            )

    def _count(self, count: Callable[[Counters], list[int]]) -> list[int]:
        """Return what `count` returns of the counters in Redis, or of those in memory if it does not respond."""
        if shared := self._shared:
            in_redis = self._in_redis = self._in_redis or RedisCounters(shared.open_storage())
            counted = shared.breaker.call(lambda: count(in_redis), None)
            if counted is not None:
                return counted
        with self._lock:
            return count(self._in_memory)


class UnitsCharged:
    """Units that were charged, in the windows of that moment."""

    def __init__(self, limiter: RateLimiter, windows: Sequence[Window], units: int) -> None:
        self._limiter = limiter
        self._windows = windows
        self._units = units

    def correct(self, units: int) -> None:
        """Charge so many in their place, also beyond a rate, in the windows that are not over; 0 takes them back."""
        self._limiter.add(self._windows, units - self._units)
        self._units = units


def _seconds(left: float) -> int:
    return max(1, math.ceil(left))


def _sentence(rate: Rate, used: int, units: int) -> str:
    counts = "" if units == 1 else f", and this request counts as {units}"
    return (
        f"{min(used, rate.amount)} of {rate.amount} new pictures per {rate.period} were made for this client{counts}."
    )
