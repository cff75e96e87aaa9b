"""Admission control: which generation runs now, which waits, and which is refused (backpressure).

Each engine has concurrency slots (`Places`), a guaranteed part of the slots of all, and a share of the queue, so that a
flood at one engine neither keeps another from running nor fills its queue. Others may borrow what an engine leaves
unused: no running generation is ended for that, but a waiting one may be evicted.
"""

import asyncio
import contextlib
import functools
import itertools
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from contextvars import ContextVar
from dataclasses import dataclass, field

from render_worker.contract import QueueHealth
from render_worker.errors import QueueFull

CLIENT: ContextVar[str | None] = ContextVar("CLIENT", default=None)
"""The client whose generation the current context runs; None if clients are not counted."""

CHEAP_SHARE = 4  # a cheap engine has a quarter of another's share of the queue: its pictures take milliseconds

Moved = Callable[[int], None]
"""Called with a request's position in the queue, 1 for the next, whenever that changes."""


@dataclass(eq=False)
class _Waiting:
    """A request on its way through the queue."""

    slots: "Slots"
    moved: Moved
    retry_after: int | None
    number: int
    """In the order of arrival."""
    turn: asyncio.Future[None]
    client: str | None = field(default_factory=CLIENT.get)
    queued: bool = True
    makes: bool = False
    runs: bool = False


class Slots:
    """One engine's concurrency slots: as many as it can make pictures at a time. Admission keeps the state."""

    def __init__(self, size: int, *, cheap: bool = False) -> None:
        """Make `size` slots; generations of a `cheap` engine yield to others', and never hold the last slot of all."""
        self.size = size
        self.cheap = cheap
        self.making = 0
        self.running = 0  # also those that are being saved
        self.queue: list[_Waiting] = []
        self.own = 0  # of the slots of all, guaranteed
        self.share = 0  # of the queue


class Admission:
    """A bounded queue. It belongs to the loop's thread; its numbers may be read from any."""

    def __init__(self, max_concurrency: int, queue_size: int, engines: Iterable[Slots] = ()) -> None:
        """Share `max_concurrency` slots and the queue among `engines`; another one joins with its first request."""
        self._size = max_concurrency
        self._queue_size = queue_size
        self._numbers = itertools.count()
        self._engines: tuple[Slots, ...] = ()
        self._share_out(tuple(engines))

    def _share_out(self, engines: tuple[Slots, ...]) -> None:
        """Give each engine its guaranteed part of all slots and its share of the queue."""
        costly = [slots for slots in engines if not slots.cheap]
        cheap = len(engines) - len(costly)
        share = self._queue_size // max(1, CHEAP_SHARE * len(costly) + cheap)
        for slots in engines:
            slots.own = 0
            slots.share = share if slots.cheap else (self._queue_size - share * cheap) // len(costly)
        self._engines = engines
        # One slot is guaranteed to no engine, so that a cheap one, which leaves the others theirs, is not starved.
        spare = max(0, self._size - (cheap > 0) - len(costly))
        more = sum(slots.size - 1 for slots in costly)
        for slots in costly:
            slots.own = 1 + min(slots.size - 1, spare * (slots.size - 1) // max(1, more))

    @contextlib.asynccontextmanager
    async def place(
        self, slots: Slots, moved: Moved, retry_after: int | None = None, *, again: bool = False
    ) -> AsyncIterator[Callable[[], None]]:
        """Hold a slot among all generations and one of the engine's; calling what this yields releases the latter.

        Raises QueueFull if the queue has no room, or if the request is evicted; `retry_after` is the number of seconds
        after which there should be room. `again`: the request falls back, and had a slot or waited for one before.
        """
        turn = asyncio.get_running_loop().create_future()
        waiting = _Waiting(slots, moved, retry_after, next(self._numbers), turn)
        self._enter(waiting, again)
        try:
            await turn
            yield functools.partial(self._leave_engine, waiting)
        finally:
            self._leave(waiting)

    def _enter(self, waiting: _Waiting, again: bool) -> None:
        slots = waiting.slots
        must_wait = self.must_wait(slots)
        if self._is_full(must_wait and not again):
            self._evict_for(waiting)
        slots.queue.append(waiting)
        self._begin_all()
        if waiting.queued:
            waiting.moved(len(slots.queue))

    def _is_full(self, wants_room: bool) -> bool:
        """Return whether a request can enter only if another leaves: each of all that run and wait holds a thread.

        `wants_room`: whether it needs room in the queue. One that falls back had a slot or waited before, so it may
        find more waiting than there is room for.
        """
        if self._waiting + self._running >= self._queue_size + self._size:
            return True
        return wants_room and self._waiting >= self._queue_size

    def _evicted_for(self, new: _Waiting) -> _Waiting | None:
        """Return the waiting request that is evicted from the full queue for a new one; None if none is.

        An engine below its share takes from the one furthest above its own. Within one engine's queue a client with
        more than half of it yields to one with less, unless both would only exchange their shares.
        """
        queue = new.slots.queue
        if len(queue) < new.slots.share or not self.must_wait(new.slots):
            return _newest(max(self._engines, key=lambda slots: len(slots.queue) - slots.share).queue)
        held = Counter(waiting.client for waiting in queue if waiting.client)
        if new.client is None or not held:
            return None
        (greediest, most), own, half = held.most_common(1)[0], held[new.client], len(queue) / 2
        if not (most > half > own and most - own > 1):
            return None
        return next(waiting for waiting in reversed(queue) if waiting.client == greediest)

    def _evict_for(self, new: _Waiting) -> None:
        """Evict a request from the full queue by raising QueueFull in it; raises QueueFull from here if none can be."""
        full = f"The render worker is busy and its queue of {self._queue_size} is full"
        leaving = self._evicted_for(new)
        if leaving is None:
            raise QueueFull(f"{full}.", new.retry_after)
        self._remove(leaving)
        if not leaving.turn.done():
            sentence = f"{full}: this request gave way to a client or an engine that has fewer waiting."
            leaving.turn.set_exception(QueueFull(sentence, leaving.retry_after))

    def _begin_all(self) -> None:
        """Start whatever may start: first of the engine with the fewest running, then in the order of arrival."""
        while able := [slots for slots in self._engines if slots.queue and self._may_begin(slots)]:
            waiting = min(able, key=self._rank).queue[0]
            self._remove(waiting)
            waiting.makes = waiting.runs = True
            waiting.slots.making += 1
            waiting.slots.running += 1
            if not waiting.turn.done():  # else it was cancelled, and gives all back in a moment
                waiting.turn.set_result(None)

    def _rank(self, slots: Slots) -> tuple[bool, int, int]:
        return slots.cheap and self._size == 1, slots.running, slots.queue[0].number

    def _may_begin(self, slots: Slots) -> bool:
        free = self._size - self._running
        return slots.making < slots.size and free > self._reserved_for_others(slots)

    def _reserved_for_others(self, slots: Slots) -> int:
        """Return how many of the free slots are reserved for other engines."""
        if slots.running < slots.own:
            return 0
        kept = sum(_unused_guarantee(other) for other in self._engines if other is not slots)
        return min(max(kept, int(slots.cheap)), self._size - 1)

    def _remove(self, waiting: _Waiting) -> None:
        """Remove a request from the queue, and report their new positions to those behind it."""
        queue = waiting.slots.queue
        before = queue.index(waiting)
        del queue[before]
        waiting.queued = False
        for position, other in enumerate(queue[before:], before + 1):
            other.moved(position)

    def _leave_engine(self, waiting: _Waiting) -> None:
        if waiting.makes:
            waiting.makes = False
            waiting.slots.making -= 1
            self._begin_all()

    def _leave(self, waiting: _Waiting) -> None:
        if waiting.queued:  # it was cancelled
            self._remove(waiting)
        waiting.slots.running -= waiting.runs
        waiting.slots.making -= waiting.makes
        waiting.runs = waiting.makes = False
        self._begin_all()

    @property
    def _running(self) -> int:
        return sum(slots.running for slots in self._engines)

    @property
    def _waiting(self) -> int:
        return sum(len(slots.queue) for slots in self._engines)

    def at_a_time(self, slots: Slots) -> int:
        """Return how many generations of that engine may run at a time while no other does."""
        others = sum(other.own for other in self._engines if other is not slots)
        return min(slots.size, max(1, self._size - max(others, int(slots.cheap))))

    def waiting_for(self, slots: Slots) -> int:
        """Return the engine's queue depth."""
        return len(slots.queue)

    def must_wait(self, slots: Slots) -> bool:
        """Return whether the next request for that engine would have to wait."""
        if slots not in self._engines:
            self._share_out((*self._engines, slots))
        return bool(slots.queue) or not self._may_begin(slots)

    def health(self) -> QueueHealth:
        """Return the queue's state."""
        return QueueHealth(
            running=self._running,
            waiting=self._waiting,
            max_concurrency=self._size,
            queue_size=self._queue_size,
        )


def _newest(queue: list[_Waiting]) -> _Waiting:
    """Return the newest request of the client that has most in an engine's queue."""
    held = Counter(waiting.client for waiting in queue if waiting.client)
    return max(queue, key=lambda waiting: (held[waiting.client] if waiting.client else 0, waiting.number))


def _unused_guarantee(slots: Slots) -> int:
    """Return how many of its guaranteed slots an engine does not use; a cheap one has one while it waits."""
    if slots.cheap:
        return int(bool(slots.queue) and not slots.running)
    return max(0, slots.own - slots.running)
