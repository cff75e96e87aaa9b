"""What is known of each client's requests: how many are in flight, and when the render worker refused one last."""

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator

from render_worker.contract import CLIENT_HEADER, CLIENT_IN_FLIGHT_HEADER
from render_worker.serving.deadline import Deadline

HELD_SECONDS = 2.0  # a refusal, of a client that was refused just before and sent the next request at once
SOON_SECONDS = 3.0
MAX_REFUSED = 1000  # clients whose last refusals are known


class ClientRequests:
    """The requests of each client at one render worker. Thread-safe."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._refused: dict[str, float] = {}  # the latest is the last
        self._in_flight: Counter[str] = Counter()
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def headers(self, client: str | None) -> Iterator[dict[str, str]]:
        """Count a request of the client within the context; yield the headers that tell of it, none if it is None."""
        if not client:
            yield {}
            return
        with self._lock:
            self._in_flight[client] += 1
            number = self._in_flight[client]
        try:
            yield {CLIENT_HEADER: client, CLIENT_IN_FLIGHT_HEADER: str(number)}
        finally:
            with self._lock:
                self._in_flight[client] -= 1
                if not self._in_flight[client]:
                    del self._in_flight[client]

    def hold_back(self, client: str | None, deadline: Deadline) -> None:
        """Hold a refusal back for HELD_SECONDS, as the worker is busy, if the client was refused just before.

        Clients that try again at once would have both tiers do little else than to refuse them. Meanwhile the request
        counts as one in flight.
        """
        if client and self._is_refused_again(client):
            with self.headers(client):
                time.sleep(min(HELD_SECONDS, deadline.remaining))

    def _is_refused_again(self, client: str) -> bool:
        """Note that the client was refused; return whether it was within SOON_SECONDS before."""
        with self._lock:
            now, last = self._clock(), self._refused.pop(client, None)
            self._refused[client] = now
            if len(self._refused) > MAX_REFUSED:
                del self._refused[next(iter(self._refused))]
        return last is not None and now - last < SOON_SECONDS
