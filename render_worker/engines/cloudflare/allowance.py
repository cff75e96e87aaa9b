"""The day's free neurons, as far as this worker counted them itself.

The account's other programs, and other workers, use the same allowance; a restart forgets what was used. So the count
is for people: the service alone says when it is used up.
"""

import math
import time
from collections.abc import Callable

NEURONS_A_DAY = 10_000  # https://developers.cloudflare.com/workers-ai/platform/pricing: free, until 00:00 UTC
DAY_SECONDS = 86_400
SKEW_SECONDS = 60  # by which the service's clock may be behind this one: then it still speaks of the day before


class Allowance:
    """Counts neurons by the day of UTC. `clock` returns Unix time."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._day, self._used = self._today(), 0.0

    @property
    def left(self) -> float:
        """Return the neurons that are left of today's."""
        return max(0.0, NEURONS_A_DAY - self._used) if self._day == self._today() else NEURONS_A_DAY

    def pictures_left(self, neurons: float) -> int:
        """Return how many pictures of so many neurons each are left of today's."""
        return int(self.left // neurons)

    def use(self, neurons: float) -> None:
        """Count a picture's neurons."""
        self._set(NEURONS_A_DAY - self.left + neurons)

    def exhaust(self) -> int:
        """Count that the service gives no more today; return the seconds until it does again."""
        elapsed = self._clock() % DAY_SECONDS
        if elapsed < SKEW_SECONDS:
            return SKEW_SECONDS
        self._set(NEURONS_A_DAY)
        return math.ceil(DAY_SECONDS - elapsed)

    def _set(self, used: float) -> None:
        self._day, self._used = self._today(), used

    def _today(self) -> int:
        return int(self._clock() // DAY_SECONDS)
