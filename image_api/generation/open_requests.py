"""The requests in flight by their ids, by which the client of each can cancel it."""

import contextlib
import threading
from collections.abc import Iterator

from image_api.admission import Waiter
from image_api.errors import Cancelled, RequestOver
from image_api.generation.flight import Flight


class OpenRequest:
    """A request that waits for one picture or several, or that has hung up while its flights go on."""

    __slots__ = ("cancelled", "flights", "followed_elsewhere", "waiters")

    def __init__(self) -> None:
        self.waiters: list[Waiter] = []
        self.flights: set[Flight] = set()
        """Those it has joined, until they end."""
        self.followed_elsewhere = False
        """Whether it waits for what another process makes."""
        self.cancelled = False


class OpenRequests:
    """The requests of this process that can be cancelled. Thread-safe.

    An entry ends with the last waiter and the last flight of its request.
    """

    def __init__(self) -> None:
        self._by_id: dict[str, OpenRequest] = {}
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def hold(self, waiter: Waiter, *, elsewhere: bool = False) -> Iterator[OpenRequest]:
        """Let the waiter's request be cancelled while the context lasts. Raises Cancelled if it is already.

        `elsewhere`: whether it waits for what another process makes, which goes on then.
        """
        with self._lock:
            request = self._by_id.setdefault(waiter.request_id, OpenRequest())
            if request.cancelled:
                raise Cancelled
            request.followed_elsewhere |= elsewhere
            request.waiters.append(waiter)
        try:
            yield request
        finally:
            with self._lock:
                request.waiters.remove(waiter)
                waiter.cancelled = False  # a WebSocket's waits for the next message as well
                self._drop_if_over(waiter.request_id, request)

    def follow(self, waiter: Waiter, flight: Flight) -> bool:
        """Find the flight by the held waiter's request until it ends. Returns False if that is cancelled already."""
        request_id = waiter.request_id
        with self._lock:
            request = self._by_id[request_id]
            request.flights.add(flight)
        flight.completed.add_done_callback(lambda _: self._end(request_id, request, flight))
        return not request.cancelled

    def cancel(self, request_id: str) -> OpenRequest:
        """End what waits for a request with Cancelled, and return the request as it was.

        Raises RequestOver if it is not known, has ended or is cancelled already.
        """
        with self._lock:
            request = self._by_id.get(request_id)
            if request is None or request.cancelled:
                raise RequestOver
            request.cancelled = True
            for waiter in request.waiters:
                waiter.cancel()
            return request

    def __len__(self) -> int:
        return len(self._by_id)

    def _end(self, request_id: str, request: OpenRequest, flight: Flight) -> None:
        with self._lock:
            request.flights.discard(flight)
            self._drop_if_over(request_id, request)

    def _drop_if_over(self, request_id: str, request: OpenRequest) -> None:
        if not (request.waiters or request.flights) and self._by_id.get(request_id) is request:
            del self._by_id[request_id]
