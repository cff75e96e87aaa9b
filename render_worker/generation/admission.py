"""Admission control: which generation runs now, which waits, and which is refused (backpressure).

Each engine has concurrency slots (`Slots`), a guaranteed part of the slots of all, and a share of the queue, so that a
flood at one engine neither keeps another from running nor fills its queue. Others may borrow what an engine leaves
unused: no running generation is ended for that, but a waiting one may be evicted. Within an engine's queue clients are
served fairly: see `engine_queue`.
"""

import asyncio
import contextlib
import functools
import itertools
from collections.abc import AsyncIterator, Callable, Iterable
from contextvars import ContextVar

from render_worker.contract import QueueHealth
from render_worker.engines.slots import Slots
from render_worker.errors import QueueFull
from render_worker.generation.engine_queue import EngineQueue, InFlight, OnPosition, Waiter
from render_worker.generation.eviction import Demand, evicted_for, newest

CURRENT_CLIENT: ContextVar[str | None] = ContextVar("CURRENT_CLIENT", default=None)
"""The client whose generation the current context runs; None if clients are not counted."""

CLIENT_IN_FLIGHT: ContextVar[int] = ContextVar("CLIENT_IN_FLIGHT", default=0)
"""How many requests that client has in flight at the API tier, this one included; 0 if it is not known."""

CHEAP_SHARE = 4  # a cheap engine has a quarter of another's share of the queue: its pictures take milliseconds

REPORTED = 50  # of each queue; the others hear of it when they move up
REPORT_SECONDS = 1.0  # after which waiting requests hear of a slot that is taken for longer than was expected


class Admission:
    """A bounded queue. It belongs to the loop's thread; its numbers may be read from any."""

    def __init__(self, max_concurrency: int, queue_size: int, engines: Iterable[Slots] = ()) -> None:
        """Share `max_concurrency` slots and the queue among `engines`; another one joins with its first request."""
        self._size = max_concurrency
        self._queue_size = queue_size
        self._numbers = itertools.count()
        self._queues: dict[Slots, EngineQueue] = {}
        self._in_flight = InFlight()
        self._demand = Demand()
        self._report: asyncio.TimerHandle | None = None
        self._share_out(engines)

    def _share_out(self, engines: Iterable[Slots]) -> None:
        """Give each engine its guaranteed part of all slots and its share of the queue."""
        # A new mapping, because other threads read this one.
        self._queues = {**self._queues, **{slots: EngineQueue(slots, self._in_flight) for slots in engines}}
        costly = [queue for slots, queue in self._queues.items() if not slots.cheap]
        cheap = len(self._queues) - len(costly)
        share = self._queue_size // max(1, CHEAP_SHARE * len(costly) + cheap)
        for slots, queue in self._queues.items():
            queue.share = share if slots.cheap else (self._queue_size - share * cheap) // len(costly)
        # One slot is guaranteed to no engine, so that a cheap one, which leaves the others theirs, is not starved.
        spare = max(0, self._size - (cheap > 0) - len(costly))
        more = sum(queue.slots.size - 1 for queue in costly)
        for queue in costly:
            extra = queue.slots.size - 1
            queue.guaranteed = 1 + min(extra, spare * extra // max(1, more))

    def queue_of(self, slots: Slots) -> EngineQueue:
        """Return the queue of the engine with these slots."""
        if slots not in self._queues:
            self._share_out([slots])
        return self._queues[slots]

    @contextlib.asynccontextmanager
    async def slot(
        self,
        slots: Slots,
        on_position: OnPosition,
        retry_after: int | None = None,
        *,
        admitted: bool = False,
        remaining: Callable[[], float] = lambda: 0.0,
    ) -> AsyncIterator[Callable[[], None]]:
        """Hold a slot among all generations and one of the engine's; calling what this yields releases the latter.

        `retry_after` is the number of seconds after which there should be room. `admitted`: the request falls back
        from an engine that had admitted it. `remaining` returns for how many seconds it is likely to hold its slot.
        Raises QueueFull if the queue has no room, or if the request is evicted.
        """
        granted = asyncio.get_running_loop().create_future()
        number, client, told = next(self._numbers), CURRENT_CLIENT.get(), CLIENT_IN_FLIGHT.get()
        waiter = Waiter(self.queue_of(slots), on_position, retry_after, remaining, number, granted, client, told)
        self._enter(waiter, admitted)
        try:
            await granted
            yield functools.partial(self._release_engine, waiter)
        finally:
            self._leave(waiter)

    def _enter(self, waiter: Waiter, admitted: bool) -> None:
        queue = waiter.queue
        must_wait = self._must_wait(queue)
        self._in_flight.note(waiter.client, waiter.told)
        if not admitted:
            self._demand.add(waiter.client)
        if self._is_full(must_wait and not admitted):
            self._evict_for(waiter)
        self._in_flight.add(waiter.client, waiter.told)
        queue.waiting.append(waiter)
        self._begin_all()
        if waiter.queued:
            self._report_later()

    def _report_later(self) -> None:
        if self._report is None and self._waiting:
            self._report = asyncio.get_running_loop().call_later(REPORT_SECONDS, self._report_positions)

    def _report_positions(self) -> None:
        """Call `on_position` of each queue's first requests, and again later while any waits."""
        self._report = None
        for queue in self._queues.values():
            for position, waiter in enumerate(queue.waiting[:REPORTED], 1):
                waiter.report(position)
        self._report_later()

    def _is_full(self, needs_room: bool) -> bool:
        """Return whether a request can enter only if another leaves: each of all that run and wait holds a thread.

        `needs_room`: whether it needs room in the queue. One that falls back was admitted before, so it may find more
        waiting than there is room for.
        """
        if self._waiting + self._running >= self._queue_size + self._size:
            return True
        return needs_room and self._waiting >= self._queue_size

    def _evicted_for(self, new: Waiter) -> Waiter | None:
        """Return the waiting request that is evicted from the full queue for a new one; None if none is.

        An engine below its share takes from the one furthest above its own.
        """
        waiting = new.queue.waiting
        if len(waiting) < new.queue.share or not self._must_wait(new.queue):
            return newest(max(self._queues.values(), key=lambda queue: len(queue.waiting) - queue.share).waiting)
        before = self._in_flight.before(new.client, new.told)
        return evicted_for(new.client, before, waiting, self._in_flight, self._demand)

    def _evict_for(self, new: Waiter) -> None:
        """Evict a request from the full queue by raising QueueFull in it; raises QueueFull from here if none can be."""
        full = f"The render worker is busy and its queue of {self._queue_size} is full"
        evicted = self._evicted_for(new)
        if evicted is None:
            raise QueueFull(f"{full}.", new.retry_after)
        self._remove(evicted)
        if not evicted.granted.done():
            sentence = f"{full}: this request gave way to a client or an engine that has fewer waiting."
            evicted.granted.set_exception(QueueFull(sentence, evicted.retry_after))

    def _begin_all(self) -> None:
        """Start all that may start: first of the engine with the fewest running, then by the order of service."""
        while able := [queue for queue in self._queues.values() if queue.waiting and self._may_begin(queue)]:
            queue = min(able, key=self._rank)
            waiter = queue.first()
            queue.grant(waiter)
            if not waiter.granted.done():  # else it was cancelled, and gives all back in a moment
                waiter.granted.set_result(None)
        for queue in self._queues.values():  # afterwards, because those that wait are told how long the slots are taken
            queue.report_changes()

    def _rank(self, queue: EngineQueue) -> tuple[bool, int, tuple[int, int]]:
        return queue.slots.cheap and self._size == 1, queue.running, queue.rank(queue.first())

    def _may_begin(self, queue: EngineQueue) -> bool:
        free = self._size - self._running
        return queue.generating < queue.slots.size and free > self._reserved_for_others(queue)

    def _reserved_for_others(self, queue: EngineQueue) -> int:
        """Return how many of the free slots are reserved for other engines."""
        if queue.running < queue.guaranteed:
            return 0
        reserved = sum(other.unused_guarantee for other in self._queues.values() if other is not queue)
        return min(max(reserved, int(queue.slots.cheap)), self._size - 1)

    def _remove(self, waiter: Waiter) -> None:
        """Remove a request from the queue."""
        waiter.queue.waiting.remove(waiter)
        waiter.queued = False

    def _release_engine(self, waiter: Waiter) -> None:
        if waiter.generating:
            waiter.generating = False
            waiter.queue.generating -= 1
            self._begin_all()

    def _leave(self, waiter: Waiter) -> None:
        if waiter.queued:  # it was cancelled
            self._remove(waiter)
        self._in_flight.remove(waiter.client)
        waiter.queue.running -= waiter.running
        waiter.queue.generating -= waiter.generating
        waiter.running = waiter.generating = False
        waiter.queue.holders.discard(waiter)
        self._begin_all()

    @property
    def _running(self) -> int:
        return sum(queue.running for queue in self._queues.values())

    @property
    def _waiting(self) -> int:
        return sum(len(queue.waiting) for queue in self._queues.values())

    def concurrency(self, slots: Slots) -> int:
        """Return how many generations of that engine may run at a time while no other does."""
        others = sum(other.guaranteed for other in self._queues.values() if other.slots is not slots)
        return min(slots.size, max(1, self._size - max(others, int(slots.cheap))))

    def seconds_to_slots(self, slots: Slots) -> list[float]:
        """Return the seconds until each slot that the engine's requests can have is likely to be free.

        If other engines' requests hold those of all, the engine's own free slots are had when these end.
        """
        queue = self.queue_of(slots)
        own = [holder.remaining() for holder in queue.holders if holder.generating]
        others = sorted(
            holder.remaining()
            for each in self._queues.values()
            for holder in each.holders
            if not (each is queue and holder.generating)
        )
        free = [0.0] * max(0, self._size - self._running)
        return own + (free + others)[: max(0, self.concurrency(slots) - len(own))] or [0.0]

    def queue_depth(self, slots: Slots) -> int:
        """Return how many requests wait for that engine."""
        return len(self.queue_of(slots).waiting)

    def must_wait(self, slots: Slots) -> bool:
        """Return whether the next request for that engine would have to wait."""
        return self._must_wait(self.queue_of(slots))

    def _must_wait(self, queue: EngineQueue) -> bool:
        return bool(queue.waiting) or not self._may_begin(queue)

    def health(self) -> QueueHealth:
        """Return the queue's state."""
        return QueueHealth(
            running=self._running,
            waiting=self._waiting,
            max_concurrency=self._size,
            queue_size=self._queue_size,
        )
