"""Admission control: concurrency slots for clients that wait, and which waiter is evicted when a slot is needed.

A slot is held by a waiter: a request that waits for a picture, an event stream, a WebSocket, or a flight without a
client. One client may hold every slot until other clients need some: then the one that holds most yields. A client that
gets none gets ServiceBusy with a Retry-After: backpressure instead of a queue without end.
"""

import contextlib
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Protocol

from image_api.errors import Cancelled, ServiceBusy, TooManyStreams
from image_api.limits.payer import Payer
from render_worker.serving.deadline import Deadline

SWEEP_SECONDS = 1.0
POLL_SECONDS = 0.1
MAX_ABANDONED_PER_CLIENT = 2  # waiters without work begun of a client that left; it may come back for them

FULL = "As many clients wait for pictures as this service can hold."
EVICTED = "Other clients needed the place of this one, which had more of them or was gone."


class AwaitedWork(Protocol):
    """What a waiter waits for."""

    @property
    def begun(self) -> bool:
        """Return whether work was done for it that an eviction would lose."""

    def wake(self) -> None:
        """Have its waiters check their state again."""


class Waiter:
    """A client's request, event stream or WebSocket, for as long as it holds a slot."""

    __slots__ = ("cancelled", "client", "evicted", "gone", "payer", "repeated", "request_id", "stream", "work")

    def __init__(
        self,
        client: str | None = None,
        *,
        stream: bool = False,
        gone: Callable[[], bool] = lambda: False,
        request_id: str = "",
        repeated: bool = False,
        payer: Payer | None = None,
    ) -> None:
        """Wait for `client`, None if no shares apply to it; `gone` returns whether it has closed its connection.

        By `request_id` the client can cancel what is waited for. `repeated`: a render worker may have the request
        already, from a process that was ended. `payer` is charged for the new pictures that are made for it; None if
        they cost nothing.
        """
        self.payer = payer
        self.repeated = repeated
        self.client = client
        self.request_id = request_id
        self.stream = stream
        self.gone = gone
        self.work: AwaitedWork | None = None
        self.evicted = False
        """Whether it has lost its slot to another client."""
        self.cancelled = False

    @property
    def begun(self) -> bool:
        """Return whether work was done for it that an eviction would lose."""
        return self.work is not None and self.work.begun

    @property
    def is_over(self) -> bool:
        """Return whether `check` raises."""
        return self.evicted or self.cancelled

    def evict(self) -> None:
        """Mark it as evicted and wake it."""
        self.evicted = True
        self._wake()

    def cancel(self) -> None:
        """Mark its request as cancelled and wake it."""
        self.cancelled = True
        self._wake()

    def _wake(self) -> None:
        if work := self.work:
            work.wake()

    def check(self) -> None:
        """Raise Cancelled if its request was cancelled, ServiceBusy if it was evicted."""
        if self.cancelled:
            raise Cancelled
        if self.evicted:
            raise ServiceBusy(EVICTED)


class Admission:
    """The slots, `limit` of them, and the waiters that hold them. Thread-safe."""

    def __init__(self, limit: int, streams_per_client: int | None = None, full: str = FULL) -> None:
        """Hold `limit` slots; `full` is the sentence for clients that get none."""
        self.limit = limit
        self._streams_per_client = streams_per_client
        self._full = full
        self._waiters: dict[Waiter, None] = {}  # in the order of their admission
        self._held: Counter[str] = Counter()
        self._streams: Counter[str] = Counter()
        self._abandoned: list[Waiter] = []  # of the last sweep: without work begun, and without a client
        self._lock = threading.Lock()
        self._sweeping = False

    def admit(self, waiter: Waiter, instead_of: Waiter | None = None) -> None:
        """Give the waiter a slot unless it has one, if possible that of `instead_of`.

        Raises TooManyStreams if its client has too many of those, and ServiceBusy if there is no slot for it, or if it
        was evicted.
        """
        with self._lock:
            waiter.check()
            if waiter in self._waiters:
                return
            if waiter.stream:
                self._check_streams(waiter.client)
            evicted = None
            if instead_of and instead_of in self._waiters:
                self._remove(instead_of)
            elif len(self._waiters) >= self.limit:
                evicted = self._to_evict(waiter.client)
                self._remove(evicted)
            self._add(waiter)
        if evicted:
            evicted.evict()

    def admit_soon(self, waiter: Waiter, seconds: float) -> None:
        """Give the waiter a slot, waiting up to `seconds` for one. Raises as `admit`, also if its client is gone."""
        deadline = Deadline.after(seconds)
        while True:
            try:
                return self.admit(waiter)
            except ServiceBusy:
                if deadline.expired or waiter.evicted or waiter.gone():
                    raise
            time.sleep(random.uniform(0.5, 1) * POLL_SECONDS)  # noqa: S311

    @contextlib.contextmanager
    def stream_of(self, client: str | None) -> Iterator[None]:
        """Count a stream of a client while the context lasts, without a slot: the stream has several waiters.

        Raises TooManyStreams if the client has too many.
        """
        with self._lock:
            self._check_streams(client)
            self._count(client, streams=1)
        try:
            yield
        finally:
            with self._lock:
                self._count(client, streams=-1)

    def _check_streams(self, client: str | None) -> None:
        limit = self._streams_per_client
        if client and limit and self._streams[client] >= limit:
            raise TooManyStreams(f"This client has {limit} event streams and WebSockets open already.")

    def admit_over_limit(self, waiter: Waiter) -> None:
        """Give the waiter a slot even if all are held: it follows one that is about to be released."""
        with self._lock:
            self._add(waiter)

    def release(self, waiter: Waiter) -> None:
        """Release the waiter's slot, if it has one."""
        with self._lock:
            if waiter in self._waiters:
                self._remove(waiter)

    def __len__(self) -> int:
        return len(self._waiters)

    def sweep(self) -> None:
        """Evict what has not begun for clients that left, except the oldest two waiters of each."""
        with self._lock:
            waiting = list(self._waiters)
        abandoned = [waiter for waiter in waiting if not waiter.begun and waiter.gone()]
        abandoned_by: Counter[str] = Counter()
        for waiter in abandoned:
            if waiter.client is not None:
                abandoned_by[waiter.client] += 1
                if abandoned_by[waiter.client] > MAX_ABANDONED_PER_CLIENT:
                    waiter.evict()
        self._abandoned = [waiter for waiter in abandoned if not waiter.evicted]

    def _to_evict(self, client: str | None) -> Waiter:
        """Return the waiter to evict for a new one of that client. Raises ServiceBusy if there is none."""
        while self._abandoned:
            waiter = self._abandoned.pop()
            if waiter in self._waiters and not waiter.begun:
                return waiter
        greedy, most = max(self._held.items(), key=lambda item: item[1], default=("", 0))
        # A client that is not known may hold any number; of those that are, two must not exchange a slot for ever.
        if not (most - self._held[client] > 1 if client else most > self.limit / 2):
            raise ServiceBusy(self._full)
        newest = [waiter for waiter in reversed(self._waiters) if waiter.client == greedy]
        return next((waiter for waiter in newest if not waiter.begun), newest[0])

    def _add(self, waiter: Waiter) -> None:
        self._waiters[waiter] = None
        self._count(waiter.client, held=1, streams=int(waiter.stream))
        if not self._sweeping:
            self._sweeping = True
            threading.Thread(target=self._sweep_repeatedly, name="sweeper", daemon=True).start()

    def _remove(self, waiter: Waiter) -> None:
        del self._waiters[waiter]
        self._count(waiter.client, held=-1, streams=-int(waiter.stream))

    def _count(self, client: str | None, held: int = 0, streams: int = 0) -> None:
        """Change the numbers of slots and of streams that a client has."""
        for counter, change in ((self._held, held), (self._streams, streams)):
            if client and change:
                counter[client] += change
                if not counter[client]:
                    del counter[client]

    def _sweep_repeatedly(self) -> None:
        while True:
            time.sleep(SWEEP_SECONDS)
            with self._lock:
                self._sweeping = bool(self._waiters)
                if not self._sweeping:
                    return
            self.sweep()
