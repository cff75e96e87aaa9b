"""A limit of the refused credentials of one client, as a token bucket: guesses would use up the Hub's patience."""

import math
import threading
import time
from collections import OrderedDict

from render_worker.serving.deadline import Clock

BURST = 10  # refused credentials, each counted once while the refusal is cached
SECONDS_EACH = 6.0  # after which one more is allowed
MAX_CLIENTS = 10_000


class RefusalLimit:
    """Counts refused credentials by client. Thread-safe."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._free_at: OrderedDict[str, float] = OrderedDict()
        """When all of a client's refusals will be forgotten, by the clock; the latest refusal last."""
        self._lock = threading.Lock()

    def seconds(self, client: str | None) -> int:
        """Return the seconds after which a client may have another credential checked; 0 if it may now.

        Clients that cannot be told apart (None) have no limit.
        """
        free_at = self._free_at.get(client, 0.0) if client else 0.0
        return max(0, math.ceil(free_at - self._clock() - (BURST - 1) * SECONDS_EACH))

    def count(self, client: str | None) -> None:
        """Count a refused credential of a client."""
        if client is None:
            return
        with self._lock:
            free_at = max(self._free_at.get(client, 0.0), self._clock())
            self._free_at[client] = free_at + SECONDS_EACH
            self._free_at.move_to_end(client)
            if len(self._free_at) > MAX_CLIENTS:
                self._free_at.popitem(last=False)
