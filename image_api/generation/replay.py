"""What became of a generation, for a client that lost its stream and comes back for it, to whichever process."""

import time
from collections.abc import Iterator
from concurrent.futures import Future

from pydantic import TypeAdapter, ValidationError

from image_api.errors import ApiError, Relayed, StreamLost
from image_api.generation.cache import OUTCOMES, Cache
from image_api.generation.single_flight import Flight
from render_worker.contract import ErrorLine, GenerateResult, ResultLine

KEPT_SECONDS = 600.0
LOOK_SECONDS = 1.0
OUTCOME: TypeAdapter[ResultLine | ErrorLine] = TypeAdapter(ResultLine | ErrorLine)


class ReplayStore:
    """Kept in the cache under the flight's name, which is leased as long as the flight is under way."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache

    def keep(self, flight: Flight) -> None:
        """Have a flight's outcome known for a while, unless it is refused."""
        if flight.first_to_follow():
            self._cache.lease(OUTCOMES, flight.name)
            flight.landed.add_done_callback(lambda landed: self._put(flight, landed))

    def of(self, name: str) -> Iterator[GenerateResult | None]:
        """The picture of that flight, which may be another process's, and None for each moment until it is there.

        The ApiError with which it failed, or StreamLost where nobody knows it.
        """
        while (running := self._cache.leased(OUTCOMES, name)) or self._cache.get(OUTCOMES, name):
            if found := self._cache.get(OUTCOMES, name):
                outcome = parsed(found)
                if not outcome:
                    break
                yield told(outcome)
                return
            if running:
                yield None
                time.sleep(LOOK_SECONDS)
        raise StreamLost("Nothing is known of a picture with that event id.")

    def _put(self, flight: Flight, landed: "Future[GenerateResult]") -> None:
        error = landed.exception()
        # What was refused can be asked again as well as resumed; a flood of it must not push out what was made.
        if error is None or flight.begun:
            self._cache.put(OUTCOMES, flight.name, text_of(landed.result() if error is None else error), KEPT_SECONDS)
        self._cache.release(OUTCOMES, flight.name)


def text_of(outcome: GenerateResult | BaseException) -> bytes:
    """Return a result or a failure as it is kept."""
    if isinstance(outcome, GenerateResult):
        line: ResultLine | ErrorLine = ResultLine(result=outcome)
    else:
        line = (outcome if isinstance(outcome, ApiError) else ApiError("The service failed by its own fault.")).line()
    return line.model_dump_json(exclude_none=True).encode()


def parsed(text: bytes) -> ResultLine | ErrorLine | None:
    """Return what was kept; None if another version of this service kept it."""
    try:
        return OUTCOME.validate_json(text)
    except ValidationError:
        return None


def told(outcome: ResultLine | ErrorLine) -> GenerateResult:
    """Return the result, or raise the failure."""
    if isinstance(outcome, ErrorLine):
        raise Relayed(outcome.error, outcome.status)
    return outcome.result
