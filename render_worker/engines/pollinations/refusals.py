"""Refused prompts, of which Pollinations takes five of an address before it shuts that out."""

import math
import time
from collections import deque

from render_worker.errors import EngineRateLimited

MOST = 4  # the fifth shuts the address out, by the service's code of late 2025
WINDOW_SECONDS = 86_400  # how long it remembers them is not known


class Refusals:
    """The prompts refused lately; a restart forgets them."""

    def __init__(self) -> None:
        self._times: deque[float] = deque(maxlen=MOST)

    def add(self) -> None:
        """Count one that was refused now."""
        self._times.append(time.monotonic())

    def raise_if_too_many(self) -> None:
        """Raise EngineRateLimited if one more could shut this server's address out."""
        if len(self._times) < MOST:
            return
        seconds = self._times[0] + WINDOW_SECONDS - time.monotonic()
        if seconds > 0:
            raise EngineRateLimited(
                f"Pollinations refused {MOST} prompts within a day, and shuts an address out after one more.",
                math.ceil(seconds),
            )
