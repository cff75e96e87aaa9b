"""Ids of jobs: UUIDs of version 7 (RFC 9562), whose order is that of their creation."""

import secrets
import threading
from uuid import UUID

COUNTER_BITS = 12
RANDOM_BITS = 62  # which no client guesses


class JobIds:
    """Makes ids, each of which is greater than the one before. Thread-safe."""

    def __init__(self) -> None:
        self._last = 0  # milliseconds and counter
        self._lock = threading.Lock()

    def new(self, seconds: float) -> UUID:
        """Return the id of what is created now, `seconds` after the epoch."""
        with self._lock:
            # A counter within the millisecond (RFC 9562, 6.2, method 1); an exhausted one takes the next millisecond.
            self._last = max(self._last + 1, int(seconds * 1000) << COUNTER_BITS)
            return _uuid(self._last, secrets.randbits(RANDOM_BITS))


def first_id(seconds: float) -> UUID:
    """Return the least id of what is created `seconds` after the epoch."""
    return _uuid(int(seconds * 1000) << COUNTER_BITS, 0)


def _uuid(moment: int, random: int) -> UUID:
    milliseconds, counter = moment >> COUNTER_BITS, moment & ((1 << COUNTER_BITS) - 1)
    return UUID(int=milliseconds << 80 | 0x7 << 76 | counter << 64 | 0b10 << 62 | random)
