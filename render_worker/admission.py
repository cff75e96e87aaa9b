"""The bounded queue before the engines."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass

from render_worker.contract import QueueHealth
from render_worker.errors import QueueFull

Moved = Callable[[int], None]
"""Called with a request's place in the queue, 1 for the next, whenever that changes."""


class Places(asyncio.Semaphore):
    """As many places as there may be generations at a time."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.size = size


@dataclass(eq=False)
class _Waiting:
    """A request in the queue."""

    places: Places
    moved: Moved


class Admission:
    """A bounded queue. It belongs to the loop's thread; its numbers may be read from any."""

    def __init__(self, max_concurrency: int, queue_size: int) -> None:
        self._queue_size = queue_size
        self._places = Places(max_concurrency)
        self._running = 0
        self._queue: list[_Waiting] = []

    @contextlib.asynccontextmanager
    async def place(
        self, engine_places: Places, moved: Moved, retry_after: int | None = None, *, again: bool = False
    ) -> AsyncIterator[Callable[[], None]]:
        """Hold a place among all generations and one of the engine's own, which calling what this yields gives back.

        QueueFull where the queue is; `retry_after` is when it should have room again. `again` is for a request
        that had a place or waited for one before: it is one of those that may be there, whoever came meanwhile.
        """
        must_wait = self.must_wait(engine_places)
        if must_wait and not again and len(self._queue) >= self._queue_size:
            raise QueueFull(f"The render worker is busy and its queue of {self._queue_size} is full.", retry_after)
        with contextlib.ExitStack() as all_places, contextlib.ExitStack() as engine_place:
            with self._queued(_Waiting(engine_places, moved), must_wait):
                # The engine's place comes first, so that who waits for one engine takes no place from another.
                await engine_places.acquire()
                engine_place.callback(engine_places.release)
                await self._places.acquire()
                all_places.callback(self._places.release)
            self._running += 1
            try:
                yield engine_place.close
            finally:
                self._running -= 1

    @contextlib.contextmanager
    def _queued(self, waiting: _Waiting, must_wait: bool) -> Iterator[None]:
        """Keep a request in the queue, and tell those behind it when it leaves, for whatever reason."""
        self._queue.append(waiting)
        if must_wait:
            waiting.moved(len(self._same(waiting)))
        try:
            yield
        finally:
            before = self._same(waiting).index(waiting)
            self._queue.remove(waiting)
            for position, other in enumerate(self._same(waiting)[before:], before + 1):
                other.moved(position)

    def _same(self, waiting: _Waiting) -> list[_Waiting]:
        """Those who wait for the same engine, in the order in which their turns come."""
        return [other for other in self._queue if other.places is waiting.places]

    def at_a_time(self, engine_places: Places) -> int:
        """How many generations of that engine may run at a time."""
        return min(engine_places.size, self._places.size)

    def waiting_for(self, engine_places: Places) -> int:
        """How many wait for a place of that engine."""
        return sum(other.places is engine_places for other in tuple(self._queue))

    def must_wait(self, engine_places: Places) -> bool:
        """Whether the next caller of that engine would have to wait."""
        return engine_places.locked() or self._places.locked()

    def health(self) -> QueueHealth:
        """The queue as it is now."""
        return QueueHealth(
            running=self._running,
            waiting=len(self._queue),
            max_concurrency=self._places.size,
            queue_size=self._queue_size,
        )
