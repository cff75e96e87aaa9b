"""Cancellation of a request by its id: its wait ends, and so does the work that is done for it alone."""

from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from typing import Literal

from image_api.admission import Waiter
from image_api.errors import Cancelled
from image_api.generation.flight import Flight
from image_api.generation.open_requests import OpenRequest, OpenRequests
from image_api.generation.progress_stream import GenerationResponse, GenerationStream, StreamEvent
from image_api.generation.single_flight import SingleFlight

CancelStatus = Literal["cancelled", "left"]
"""What a cancellation comes to: the work has ended, or a picture goes on for others."""


class Cancellations:
    """Cancels requests and their flights. Thread-safe."""

    def __init__(self, flights: SingleFlight, tell_worker: Callable[[str], None]) -> None:
        """`tell_worker` has a render worker cancel the request of an id, and returns at once."""
        self._flights = flights
        self._tell_worker = tell_worker
        self._requests = OpenRequests()

    def cancel(self, request_id: str) -> CancelStatus:
        """Cancel a request, and what is made for it alone, at the render worker and outside as well.

        Returns "left" if a picture goes on: other requests wait for it, or another process makes it. Raises RequestOver
        if there is no such request.
        """
        request = self._requests.cancel(request_id)
        ended = [self._cancel_flight(flight) for flight in list(request.flights)]
        return "cancelled" if all(ended) and not request.followed_elsewhere else "left"

    def hold(self, waiter: Waiter) -> AbstractContextManager[OpenRequest]:
        """Let the waiter's request be cancelled while the context lasts. Raises Cancelled if it is already."""
        return self._requests.hold(waiter)

    def until_response(self, waiter: Waiter, events: GenerationStream, *, elsewhere: bool = False) -> GenerationStream:
        """Yield a request's events; until its response is there it can be cancelled. Raises Cancelled if it was.

        `elsewhere`: whether it waits for what another process makes, which goes on then.
        """
        response = StreamEvent()
        with self._requests.hold(waiter, elsewhere=elsewhere) as request, closing(events):
            for event in events:
                if isinstance(event.content, GenerationResponse):
                    response = event
                    break
                yield event
        if request.cancelled:
            raise Cancelled
        yield response

    def follow(self, waiter: Waiter, flight: Flight) -> None:
        """Cancel the flight with the waiter's request: until it ends, also if the client hangs up before."""
        if not self._requests.follow(waiter, flight):
            self._cancel_flight(flight)

    def __len__(self) -> int:
        return len(self._requests)

    def _cancel_flight(self, flight: Flight) -> bool:
        """Cancel a flight unless others wait for it. Returns whether the work on its picture ends."""
        elsewhere = flight.waits_elsewhere
        cancelled = self._flights.cancel(flight)
        if cancelled and not elsewhere:
            self._tell_worker(flight.request_id)
        return cancelled and not elsewhere
