"""The stream of a generation: its progress as it comes, heartbeats between, and at last its response."""

import re
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Literal

from image_api.admission import Waiter
from image_api.errors import Relayed
from image_api.generation.flight import Flight
from image_api.generation.single_flight import SingleFlight
from image_api.sent_images import SentImage
from render_worker.contract import GenerateResult, Progress
from render_worker.serving.deadline import Deadline

HEARTBEAT_SECONDS = 10.0
FIRST_SECONDS = 1.0  # after which a client gets its first event id, from which it can resume
POSITION = re.compile(r"[0-9]{1,6}", re.ASCII)
END = "end"

CacheStatus = Literal["HIT", "MISS", "JOINED"]
"""Where a result comes from: the cache, a flight of the request's own, or a flight that it joined."""


@dataclass(frozen=True)
class GenerationResponse:
    """A result, and its source."""

    result: GenerateResult
    cache_status: CacheStatus
    image: SentImage | None = None
    """What a cached picture begins with, as the request has it: to make the picture again if its file is lost."""


@dataclass(frozen=True)
class StreamEvent:
    """A progress, the response, or None for a heartbeat; with an `event_id` the stream can be resumed after it."""

    event_id: str = ""
    content: Progress | GenerationResponse | None = None


GenerationStream = Generator[StreamEvent, None, None]
"""Ends with the event of a GenerationResponse. Raises an ApiError if there is no picture."""


@dataclass(frozen=True)
class FlightStream:
    """The events of a flight for a waiter that has joined it, and leaves it at the end."""

    flights: SingleFlight
    flight: Flight
    waiter: Waiter
    joined: bool
    request_id: str
    """Of the waiter's picture: that of another request in the flight's result is not for this one's client."""
    own: Callable[[GenerateResult], GenerateResult] = lambda result: result
    """Returns the result of another request's flight in the words of this one."""
    previews: bool = False
    """Whether the waiter wants them, in case another request of the flight does."""

    def events(self, deadline: Deadline, after: int = 0) -> GenerationStream:
        """Yield the events after the first `after`. Raises DeadlinePassed at the deadline."""
        try:
            yield from self._progress_events(deadline, after)
            result = self.flight.result(deadline)
        except Relayed as error:
            raise error.of_request(self.request_id) from None
        finally:
            self.flights.leave(self.flight, self.waiter)
        shared = self.joined or self.flight.coalesced
        result = with_id(self.own(result) if shared else result, self.request_id)
        yield response_event(self.flight.name, result, "JOINED" if shared else "MISS")

    def _progress_events(self, deadline: Deadline, after: int) -> GenerationStream:
        timeout, completed = FIRST_SECONDS, self.flight.completed
        while not (completed.done() or deadline.expired):
            reported = self.flight.progress_after(after, deadline.at_most(timeout), self.waiter)
            for progress in reported:
                after += 1
                shown = progress if self.previews else progress.model_copy(update={"preview": None})
                yield StreamEvent(_event_id(self.flight.name, after), shown)
            if not reported and not completed.done():
                yield StreamEvent(_event_id(self.flight.name, after))
            timeout = HEARTBEAT_SECONDS


def with_id(result: GenerateResult, request_id: str) -> GenerateResult:
    """Return a result as that of the request with this id."""
    return result.model_copy(update={"request_id": request_id})


def as_hit(cached: GenerateResult, request_id: str) -> GenerateResult:
    """Return a cached result as that of the request with this id."""
    return cached.model_copy(update={"request_id": request_id, "cached": True})


def response_event(
    name: str, result: GenerateResult, cache_status: CacheStatus, image: SentImage | None = None
) -> StreamEvent:
    """Return the last event of the flight `name`."""
    return StreamEvent(_event_id(name, END), GenerationResponse(result, cache_status, image))


def parse_event_id(event_id: str) -> tuple[str, int | None]:
    """Return the flight's name and how many events of it came before; None for those if the stream had ended."""
    name, _, position = event_id.rpartition(":")
    if position == END:
        return name, None
    return name, int(position) if POSITION.fullmatch(position) else 0


def _event_id(name: str, position: int | str) -> str:
    return f"{name}:{position}"
