"""Callers that ask at the same time, and how long each of them waited."""

import statistics
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass


@dataclass(frozen=True)
class Load:
    """What a number of pictures took: seconds in all, and milliseconds of each."""

    seconds: float
    milliseconds: list[float]

    @property
    def a_second(self) -> float:
        """Pictures a second."""
        return len(self.milliseconds) / self.seconds

    @property
    def median(self) -> float:
        """The usual wait, in milliseconds."""
        return statistics.median(self.milliseconds)

    @property
    def p90(self) -> float:
        """The wait that nine of ten stay below, in milliseconds."""
        return sorted(self.milliseconds)[int(len(self.milliseconds) * 0.9)]


def drive(ask: Callable[[], object], images: int, callers: int, each: Callable[[int], object] = lambda _: None) -> Load:
    """Have `ask` called so often by so many threads; `each` hears the number of every picture that is done."""
    waits: list[float] = []
    lock = threading.Lock()

    def one(_: int) -> None:
        begun = time.monotonic()
        ask()
        took = time.monotonic() - begun
        with lock:
            waits.append(took * 1000)
            each(len(waits))

    begun = time.monotonic()
    with ThreadPoolExecutor(callers) as pool:
        list(pool.map(one, range(images)))
    return Load(time.monotonic() - begun, waits)
