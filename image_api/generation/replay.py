"""Replay of a stream (Last-Event-ID): what a flight came to, for a client that lost its stream, from any process."""

import time
from collections.abc import Iterator
from concurrent.futures import Future

from image_api.errors import Cancelled, StreamLost
from image_api.generation.flight import Flight
from image_api.generation.results import GenerationOutcome, Store, outcome_of, result_of
from render_worker.contract import GenerateResult

REPLAY_TTL_SECONDS = 600.0
POLL_SECONDS = 1.0


class ReplayStore:
    """The outcomes of recorded flights by their names, which are leased as long as the flights go on."""

    def __init__(self, outcomes: Store[GenerationOutcome]) -> None:
        self._outcomes = outcomes

    def record(self, flight: Flight) -> None:
        """Have a flight's outcome stored at its end, unless it was refused."""
        if flight.claim_record():
            self._outcomes.lease(flight.name)
            flight.completed.add_done_callback(lambda completed: self._store(flight, completed))

    def replay(self, name: str) -> Iterator[GenerateResult | None]:
        """Yield the result of a flight, which may be another process's, and None at each poll until it is there.

        Raises the ApiError that the flight failed with, and StreamLost if nothing is stored of it.
        """
        while True:
            running = self._outcomes.is_leased(name)  # before the look, so that nothing comes in between
            if outcome := self._outcomes.get(name):
                yield result_of(outcome)
                return
            if not running:
                raise StreamLost("Nothing is known of a picture with that event id.")
            yield None
            time.sleep(POLL_SECONDS)

    def _store(self, flight: Flight, completed: "Future[GenerateResult]") -> None:
        error = completed.exception()
        # A refused request can be sent again as well as resumed; a flood of those must not evict what was generated.
        if error is None or flight.begun or isinstance(error, Cancelled):
            self._outcomes.put(flight.name, outcome_of(error or completed.result()), REPLAY_TTL_SECONDS)
        self._outcomes.release(flight.name)
