"""Eviction from a full queue: which waiting request yields to a new one, and which new one is refused."""

import time
from collections import Counter
from collections.abc import Callable, Sequence

from render_worker.generation.engine_queue import InFlight, Waiter

HALF_LIFE_SECONDS = 15.0
FEW = 0.4  # a client's one request is forgotten after two half-lives
DEMANDING_TIMES = 4  # so much more than another a client has sent that its only waiting request yields


class Demand:
    """How many requests each client has sent lately, refused ones included: the count is halved again and again."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._sent: dict[str | None, float] = {}
        self._halved = clock()

    def add(self, client: str | None) -> None:
        """Count a request; one of an unknown client counts for none."""
        self._halve()
        if client is not None:
            self._sent[client] = self[client] + 1

    def __getitem__(self, client: str | None) -> float:
        return self._sent.get(client, 0)

    def _halve(self) -> None:
        passed = int((self._clock() - self._halved) / HALF_LIFE_SECONDS)
        if passed:
            self._halved += passed * HALF_LIFE_SECONDS
            halved = {client: sent / 2**passed for client, sent in self._sent.items()}
            self._sent = {client: sent for client, sent in halved.items() if sent > FEW}


def evicted_for(
    new: str | None, before: int, waiting: Sequence[Waiter], in_flight: InFlight, demand: Demand
) -> Waiter | None:
    """Return the waiting request that yields to one of the client `new` in an engine's full queue; None if none does.

    `before` is how many requests that client had in flight. The client with most yields to one with fewer, unless both
    would only exchange their shares. To one that had none, one that has sent DEMANDING_TIMES as much lately yields as
    well: else clients that try again at once after each refusal would hold a queue that is shorter than they are many.
    """
    known = [waiter for waiter in waiting if waiter.client]
    if new is None or not known:
        return None
    greediest = max(known, key=lambda waiter: (in_flight[waiter.client], waiter.number))
    if in_flight[greediest.client] - before > 1:
        return greediest
    busiest = max(known, key=lambda waiter: (demand[waiter.client], waiter.number))
    if not before and demand[busiest.client] > DEMANDING_TIMES * demand[new]:
        return busiest
    return None


def newest(waiting: Sequence[Waiter]) -> Waiter:
    """Return the newest request of the client that has most in an engine's queue."""
    held = Counter(waiter.client for waiter in waiting if waiter.client)
    return max(waiting, key=lambda waiter: (held[waiter.client] if waiter.client else 0, waiter.number))
