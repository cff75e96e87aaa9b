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

HALF_OPEN_SECONDS = 15  # about a picture's time; clients refused during a half-open probe retry after it

State = Literal["closed", "open", "half-open"]

log = logging.getLogger(__name__)


class CircuitBreaker:
    """One engine's or storage's circuit breaker. It belongs to the loop's thread; its state may be read from any."""

    def __init__(
        self,
        name: str,
        failures: int,
        seconds: int,
        open_error: Callable[[str, int], UpstreamError] = EngineCircuitOpen,
    ) -> None:
        """Make a closed breaker.

        With `failures` of 0 only a failure that `trips_breaker` opens it; `seconds` is how long it stays open if a
        failure does not say. `open_error` makes the error of an open breaker of a sentence and the remaining seconds.
        """
        self._name = name
        self._open_error = open_error
        self._limit = failures
        self._seconds = seconds
        self._failures_in_a_row = 0
        self._open_until: float | None = None  # of the monotonic clock; None while it is closed
        self._cause = UpstreamError(f"{name} failed.")
        self._probing = False

    @property
    def state(self) -> State:
        """Return `closed`, `open`, or `half-open` if the next request may try it again."""
        if self._open_until is None:
            return "closed"
        return "open" if self._remaining else "half-open"

    @property
    def remaining_seconds(self) -> int:
        """Return how long it is still open, in whole seconds; 0 if it is closed or half-open."""
        return math.ceil(self._remaining)

    @property
    def _remaining(self) -> float:
        until = self._open_until
        return 0.0 if until is None else max(0.0, until - time.monotonic())

    @property
    def reason(self) -> str:
        """Return until when it is open, and why."""
        end = datetime.now(UTC) + timedelta(seconds=self._remaining)
        return f"resting until {end.isoformat(timespec='seconds')}, because: {self._cause}"

    def raise_if_open(self) -> None:
        """Raise the cause or the breaker's own error if it is open, or half-open with a probe in flight."""
        remaining = self.remaining_seconds
        if remaining and self._cause.service_blocked:
            raise _copy_of(self._cause, remaining)
        if remaining:
            raise self._open_error(f"{self._name} is left alone for a while after failures: {self._cause}", remaining)
        if self._probing and self.state != "closed":
            raise self._open_error(
                f"{self._name} is being tried again after failures: {self._cause}", HALF_OPEN_SECONDS
            )

    @contextlib.contextmanager
    def call(self, *, insist: bool = False) -> Iterator[None]:
        """Count how what is done within this ends; a cancelled request is not counted.

        Raises what `raise_if_open` does, unless `insist`.
        """
        if not insist:
            self.raise_if_open()
        probing = self.state == "half-open" and not self._probing
        self._probing |= probing
        try:
            yield
        except UpstreamError as error:
            self.record_failure(error)
            raise
        else:
            self._record_success(insist)
        finally:
            if probing:
                self._probing = False

    def record_failure(self, error: UpstreamError) -> None:
        """Count a failure; one that does not count, as one that the request caused, closes a half-open breaker."""
        if error.caused_by_request or not (self._limit or error.trips_breaker):
            if self.state == "half-open":
                self._record_success()
        elif error.trips_breaker:
            self._trip(error)
        elif self.state != "open":
            self._failures_in_a_row += 1
            if self._open_until is not None or self._failures_in_a_row >= self._limit:
                self._open_for(self._seconds, error)

    def _trip(self, error: UpstreamError) -> None:
        """Open for as long as the failure says; its `retry_after` becomes that time."""
        seconds = self._seconds if error.retry_after is None else error.retry_after
        if self.remaining_seconds > seconds:
            error.retry_after = self.remaining_seconds
            return  # another request met a longer one
        error.retry_after = seconds or None
        if seconds:
            self._open_for(seconds, error)

    def _open_for(self, seconds: int, cause: UpstreamError) -> None:
        self._cause = _copy_of(cause, None)
        self._open_until = time.monotonic() + seconds
        log.warning("%s: circuit breaker open for %d seconds: %s", self._name, seconds, cause)

    def _record_success(self, insisted: bool = False) -> None:
        """Close, unless the request began before the breaker opened."""
        if insisted or not self._remaining:
            self._open_until = None
            self._failures_in_a_row = 0


def _copy_of(error: UpstreamError, retry_after: int | None) -> UpstreamError:
    """Return the same failure without what belongs to the request that met it, for one that asks for nothing."""
    copy = type(error).__new__(type(error), *error.args)  # each class's constructor takes other arguments
    copy.__dict__.update(error.__dict__, retry_after=retry_after, fallback_from=None, unbilled=True)
    return copy
