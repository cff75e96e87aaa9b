"""One engine's queue, in the order of service: fair queueing between clients.

The next slot goes to the client with the fewest requests in flight, running or waiting, and among equals to the request
that has waited longest. Without ids of clients that is the order of arrival.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from render_worker.engines.slots import Slots

OnPosition = Callable[[int], None]
"""Called with a request's position in the queue, 1 for the next, when that changes, and each REPORT_SECONDS."""


class InFlight:
    """How many requests each client has in flight, at all engines; clients without an id count as one.

    The API tier knows of those that wait there, or that a full queue has refused to be sent again at once.
    """

    def __init__(self) -> None:
        self._here: Counter[str | None] = Counter()
        self._told: dict[str | None, int] = {}

    def note(self, client: str | None, told: int) -> None:
        """Take note of what the API tier tells with a request that comes: the client's number there, or 0."""
        if self._here[client]:
            self._told[client] = told

    def add(self, client: str | None, told: int) -> None:
        """Count a request that runs or waits."""
        self._here[client] += 1
        self._told[client] = told

    def remove(self, client: str | None) -> None:
        """Count a request no more, which has ended."""
        self._here[client] -= 1
        if not self._here[client]:
            del self._here[client]
            del self._told[client]

    def before(self, client: str | None, told: int) -> int:
        """Return how many the client had before a request that comes, with which `told` are told."""
        return max(self._here[client], told - 1)

    def __getitem__(self, client: str | None) -> int:
        return max(self._here[client], self._told.get(client, 0))


# Else two clients that each keep one request more waiting than a third are served never while that one goes on.
GRANTS_IN_A_ROW = 8  # then one in the order of arrival, which is no more than an eighth of the slots …
SINGLES_IN_A_ROW = 32  # … and hardly any of those that go to clients with nothing else in flight


@dataclass(eq=False)
class Waiter:
    """A request that waits in an engine's queue, and then holds slots."""

    queue: "EngineQueue"
    on_position: OnPosition
    retry_after: int | None
    remaining: Callable[[], float]
    number: int
    """In the order of arrival."""
    granted: asyncio.Future[None]
    """Done when the request may begin, or when it is evicted."""
    client: str | None
    told: int = 0
    """How many requests the client has in flight at the API tier, this one included; 0 if it is not known."""
    position: int = 0
    """As it was reported last."""
    queued: bool = True
    generating: bool = False
    running: bool = False

    def report(self, position: int) -> None:
        """Report its position in the queue."""
        self.position = position
        self.on_position(position)


@dataclass(eq=False)
class EngineQueue:
    """One engine's queue, and what it holds of the slots of all."""

    slots: Slots
    in_flight: InFlight
    waiting: list[Waiter] = field(default_factory=list)
    """In the order of service, as of the last `sort`."""
    holders: set[Waiter] = field(default_factory=set)
    """The requests that hold slots."""
    generating: int = 0
    """Requests that hold one of the engine's slots."""
    running: int = 0
    """Requests that hold one of the slots of all: also those whose pictures are being saved."""
    guaranteed: int = 0
    """Slots of all that other engines leave to it."""
    share: int = 0
    """Of the whole queue: below it the engine evicts another's requests."""
    _in_a_row: int = 0
    """Slots granted since the last one in the order of arrival."""

    @property
    def unused_guarantee(self) -> int:
        """Return how many of its guaranteed slots are free; a cheap engine has one while a request waits."""
        if self.slots.cheap:
            return int(bool(self.waiting) and not self.running)
        return max(0, self.guaranteed - self.running)

    def rank(self, waiter: Waiter) -> tuple[int, int]:
        """Return the key by which requests are served, the smallest first."""
        return self.in_flight[waiter.client], waiter.number

    def sort(self) -> None:
        """Put what waits into the order of service. It holds until a request comes: that of a client stays together."""
        self.waiting.sort(key=self.rank)

    def first(self) -> Waiter:
        """Return the request whose turn it is: so that no client starves, now and then the oldest."""
        first = min(self.waiting, key=self.rank)
        most = SINGLES_IN_A_ROW if self.in_flight[first.client] == 1 else GRANTS_IN_A_ROW
        return min(self.waiting, key=_number) if self._in_a_row >= most else first

    def grant(self, waiter: Waiter) -> None:
        """Give a waiting request its slots."""
        is_oldest = waiter.number == min(map(_number, self.waiting))
        self._in_a_row = 0 if is_oldest else self._in_a_row + 1
        self.waiting.remove(waiter)
        waiter.queued = False
        waiter.generating = waiter.running = True
        self.generating += 1
        self.running += 1
        self.holders.add(waiter)

    def report_changes(self) -> None:
        """Report their new positions to those whose position has changed."""
        self.sort()
        for position, waiter in enumerate(self.waiting, 1):
            if waiter.position != position:
                waiter.report(position)


def _number(waiter: Waiter) -> int:
    return waiter.number
