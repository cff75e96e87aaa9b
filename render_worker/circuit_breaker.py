"""A circuit breaker: an engine or a storage is not asked while asking would fail again, or prolong its refusal.

| state     | event                                                   | then                                       |
|-----------|---------------------------------------------------------|--------------------------------------------|
| closed    | `failures` in a row                                     | open for `seconds`                         |
| any       | a failure that `trips_breaker`                          | open as long as it says, never for less    |
| open      | its time is over                                        | half-open: one request at a time is let in |
| half-open | success, or a failure that the request itself caused    | closed                                     |
| half-open | another failure                                         | open for `seconds`                         |
| half-open | the request is cancelled                                | half-open                                  |
| open      | success of a request that insisted                      | closed                                     |

It counts on the monotonic clock. pybreaker, which reads the wall clock, kept an engine closed off for an hour when that
was set back.
"""

import contextlib
import logging
import math
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Literal

from render_worker.errors import EngineCircuitOpen, UpstreamError

PROBE_SECONDS = 15  # about a picture's time; clients refused during a half-open trial retry after it

State = Literal["closed", "open", "half-open"]

log = logging.getLogger(__name__)


class CircuitBreaker:
    """One engine's or storage's circuit breaker. It belongs to the loop's thread; its state may be read from any."""

    def __init__(
        self, name: str, failures: int, seconds: int, resting: Callable[[str, int], UpstreamError] = EngineCircuitOpen
    ) -> None:
        """Make a closed breaker.

        With `failures` of 0 only a failure that `trips_breaker` opens it; `seconds` is how long it stays open if a
        failure does not say. `resting` makes the error that `refuse` raises of a sentence and the seconds that are
        left.
        """
        self._name = name
        self._resting = resting
        self._limit = failures
        self._seconds = seconds
        self._in_a_row = 0
        self._until: float | None = None  # of the monotonic clock; None while it is closed
        self._why = UpstreamError(f"{name} failed.")
        self._probing = False

    @property
    def state(self) -> State:
        """Return `closed`, `open`, or `half-open` if the next request may try it again."""
        if self._until is None:
            return "closed"
        return "open" if self.seconds_left else "half-open"

    @property
    def seconds_left(self) -> int:
        """Return how long it is still open, in whole seconds; 0 if it may be asked."""
        return math.ceil(self._left)

    @property
    def _left(self) -> float:
        until = self._until
        return 0.0 if until is None else max(0.0, until - time.monotonic())

    @property
    def turned_away(self) -> bool:
        """Return whether it is open because the service itself refused more requests."""
        return bool(self._left) and self._why.wall

    @property
    def reason(self) -> str:
        """Return until when it is open, and why."""
        end = datetime.now(UTC) + timedelta(seconds=self._left)
        return f"resting until {end.isoformat(timespec='seconds')}, because: {self._why}"

    def refuse(self) -> None:
        """Raise the reason if it is open, or half-open with a trial in flight."""
        left = self.seconds_left
        if left and self._why.wall:
            raise _of_its_own(self._why, left)
        if left:
            raise self._resting(f"{self._name} is left alone for a while after failures: {self._why}", left)
        if self._probing and self.state != "closed":
            raise self._resting(f"{self._name} is being tried again after failures: {self._why}", PROBE_SECONDS)

    @contextlib.contextmanager
    def attempt(self, *, insist: bool = False) -> Iterator[None]:
        """Ask within this. Raises what `refuse` does, unless `insist`; a cancelled request is not counted."""
        if not insist:
            self.refuse()
        probing = self.state == "half-open" and not self._probing
        self._probing |= probing
        try:
            yield
        except UpstreamError as error:
            self.failed(error)
            raise
        else:
            self._succeeded(insist)
        finally:
            if probing:
                self._probing = False

    def failed(self, error: UpstreamError) -> None:
        """Count a failure; one that does not count, as one that the request caused, closes a half-open breaker."""
        if error.caused_by_request or not (self._limit or error.trips_breaker):
            if self.state == "half-open":
                self._succeeded()
        elif error.trips_breaker:
            self._tripped(error)
        elif self.state != "open":
            self._in_a_row += 1
            if self._until is not None or self._in_a_row >= self._limit:
                self._open(self._seconds, error)

    def _tripped(self, error: UpstreamError) -> None:
        """Open for as long as the failure says; its `retry_after` becomes that time."""
        seconds = self._seconds if error.retry_after is None else error.retry_after
        if self.seconds_left > seconds:
            error.retry_after = self.seconds_left
            return  # another request met a longer one
        error.retry_after = seconds or None
        if seconds:
            self._open(seconds, error)

    def _open(self, seconds: int, why: UpstreamError) -> None:
        self._why = _of_its_own(why, None)
        self._until = time.monotonic() + seconds
        log.warning("%s rests for %d seconds: %s", self._name, seconds, why)

    def _succeeded(self, insisted: bool = False) -> None:
        if insisted or not self._left:  # else it was begun before the rest
            self._until = None
            self._in_a_row = 0


def _of_its_own(error: UpstreamError, retry_after: int | None) -> UpstreamError:
    """Return the same failure without what belongs to the request that met it."""
    found = type(error).__new__(type(error), *error.args)  # each class is made from other things
    found.__dict__.update(error.__dict__, retry_after=retry_after, fallback_from=None)
    return found
