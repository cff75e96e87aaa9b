"""Clients at the same time, and the latency of each request."""

import statistics
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass


@dataclass(frozen=True)
class Load:
    """Seconds that all requests took together, and the latency of each in milliseconds."""

    seconds: float
    milliseconds: list[float]

    @property
    def a_second(self) -> float:
        """Return the requests a second."""
        return len(self.milliseconds) / self.seconds

    @property
    def median(self) -> float:
        """Return the p50 of the latency in milliseconds."""
        return statistics.median(self.milliseconds)

    @property
    def p90(self) -> float:
        """Return the p90 of the latency in milliseconds."""
        return sorted(self.milliseconds)[int(len(self.milliseconds) * 0.9)]


def drive(ask: Callable[[], object], images: int, clients: int, each: Callable[[int], object] = lambda _: None) -> Load:
    """Call `ask` once for each image from that many threads; `each` gets the number of images done so far."""
    latencies: list[float] = []
    lock = threading.Lock()

    def one(_: int) -> None:
        begun = time.monotonic()
        ask()
        took = time.monotonic() - begun
        with lock:
            latencies.append(took * 1000)
            each(len(latencies))

    begun = time.monotonic()
    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(one, range(images)))
    return Load(time.monotonic() - begun, latencies)
