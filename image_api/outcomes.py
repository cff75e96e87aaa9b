"""What became of a generation, for a caller who lost his stream and comes back for it, to whichever process."""

import time
from collections.abc import Iterator
from concurrent.futures import Future

from pydantic import TypeAdapter, ValidationError

from image_api.cache import Cache
from image_api.errors import ApiError, Relayed, StreamLost
from image_api.joining import Flight
from render_worker.contract import ErrorLine, GenerateResult, ResultLine

KEPT_SECONDS = 600.0
LOOK_SECONDS = 1.0
OUTCOME: TypeAdapter[ResultLine | ErrorLine] = TypeAdapter(ResultLine | ErrorLine)


class Outcomes:
    """Kept in the cache under the flight's name, which is leased as long as the flight is under way."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache

    def keep(self, flight: Flight) -> None:
        """Have a flight's outcome known for a while."""
        if flight.first_to_follow():
            self._cache.lease(_key(flight.name))
            flight.landed.add_done_callback(lambda landed: self._put(flight.name, landed))

    def of(self, name: str) -> Iterator[GenerateResult | None]:
        """The picture of that flight, which may be another process's, and None for each moment until it is there.

        The ApiError with which it failed, or StreamLost where nobody knows it.
        """
        key = _key(name)
        while (running := self._cache.leased(key)) or self._cache.get(key):
            if found := self._cache.get(key):
                try:
                    outcome = OUTCOME.validate_json(found)
                except ValidationError:
                    break  # another version's
                if isinstance(outcome, ErrorLine):
                    raise Relayed(outcome.error, outcome.status)
                yield outcome.result
                return
            if running:
                yield None
                time.sleep(LOOK_SECONDS)
        raise StreamLost("Nothing is known of a picture with that event id.")

    def _put(self, name: str, landed: "Future[GenerateResult]") -> None:
        error = landed.exception()
        if error is None:
            outcome: ResultLine | ErrorLine = ResultLine(result=landed.result())
        else:
            told = error if isinstance(error, ApiError) else ApiError("The service failed by its own fault.")
            outcome = told.line()
        self._cache.put(_key(name), outcome.model_dump_json(exclude_none=True).encode(), KEPT_SECONDS)
        self._cache.release(_key(name))


def _key(name: str) -> str:
    return f"img_outcome:{name}"
