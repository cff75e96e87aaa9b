"""Resumption of event streams: what a client has missed, of a flight or of the replay that was recorded."""

import math

from image_api.admission import Admission, Waiter
from image_api.generation.cancellation import Cancellations
from image_api.generation.flight import Flight
from image_api.generation.progress_stream import (
    FlightStream,
    GenerationStream,
    StreamEvent,
    parse_event_id,
    response_event,
    with_id,
)
from image_api.generation.replay import ReplayStore
from image_api.generation.single_flight import SingleFlight
from render_worker.serving.deadline import Deadline


class Resumption:
    """Resumes the streams of this process, and those of others from their recorded end. Thread-safe."""

    def __init__(
        self, flights: SingleFlight, replays: ReplayStore, cancellations: Cancellations, admission: Admission
    ) -> None:
        self._flights = flights
        self._replays = replays
        self._cancellations = cancellations
        self._admission = admission

    def resume(self, event_id: str, waiter: Waiter, *, previews: bool = False) -> GenerationStream | None:
        """Return the rest of a stream after an event, None if it had ended. Raises StreamLost if it is not known."""
        name, after = parse_event_id(event_id)
        if after is None:
            return None
        if flight := self._flights.find(name):
            return self._cancellations.until_response(waiter, self._rejoin(flight, waiter, after, previews=previews))
        return self._cancellations.until_response(waiter, self._replay(name, waiter), elsewhere=True)

    def _rejoin(self, flight: Flight, waiter: Waiter, after: int, *, previews: bool) -> GenerationStream:
        self._flights.join(flight, waiter)
        self._cancellations.follow(waiter, flight)
        stream = FlightStream(self._flights, flight, waiter, True, waiter.request_id, previews=previews)
        yield from stream.events(Deadline.after(math.inf), after)

    def _replay(self, name: str, waiter: Waiter) -> GenerationStream:
        for result in self._replays.replay(name):
            if result is None:
                self._admission.admit(waiter)
            own = with_id(result, waiter.request_id) if result else None
            yield response_event(name, own, "JOINED") if own else StreamEvent()
