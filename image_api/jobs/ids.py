"""Ids of jobs: UUIDs of version 7 (RFC 9562), whose order is that of their creation."""

import secrets
import threading
from uuid import UUID

COUNTER_BITS = 12
RANDOM_BITS = 62  # which no client guesses
MAX_SECONDS = ((1 << 48) - 1) / 1000  # the year 10889
BACK_SECONDS = 60  # by which the clock may step back without a change of the order


class JobIds:
    """Makes ids, each of which is greater than the one before. Thread-safe."""

    def __init__(self) -> None:
        self._last = 0  # milliseconds and counter
        self._lock = threading.Lock()

    def new(self, seconds: float, after: UUID | None = None) -> UUID:
        """Return the id of what is created now, `seconds` after the epoch; it follows `after`, the last one that is.

        A clock that was far ahead is forgotten: its ids would be wrong for as long.
        """
        with self._lock:
            now = _moment(seconds)
            last = max(self._last, _moment_of(after) if after else 0)
            # A counter within the millisecond (RFC 9562, 6.2, method 1); an exhausted one takes the next millisecond.
            self._last = max(now, last + 1) if last <= _moment(seconds + BACK_SECONDS) else now
            return _uuid(self._last, secrets.randbits(RANDOM_BITS))


def first_id(seconds: float) -> UUID:
    """Return the least id of what is created `seconds` after the epoch."""
    return _uuid(_moment(seconds), 0)


def _moment(seconds: float) -> int:
    """Return the milliseconds of a time, and an empty counter; a float may lack a little of the last one."""
    return int(min(max(seconds, 0), MAX_SECONDS) * 1000 + 0.001) << COUNTER_BITS


def _moment_of(made: UUID) -> int:
    return (made.int >> 80) << COUNTER_BITS | (made.int >> 64) & ((1 << COUNTER_BITS) - 1)


def _uuid(moment: int, random: int) -> UUID:
    milliseconds, counter = moment >> COUNTER_BITS, moment & ((1 << COUNTER_BITS) - 1)
    return UUID(int=milliseconds << 80 | 0x7 << 76 | counter << 64 | 0b10 << 62 | random)
