"""A circuit breaker: when an engine or a storage is left alone, because asking it again would be in vain or make its
refusal last longer.

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

from render_worker.errors import EngineResting, Failure

PROBE_SECONDS = 15  # about a picture's time: who comes while one request tries the engine again asks again then

State = Literal["closed", "open", "half-open"]

log = logging.getLogger(__name__)


class Rest:
    """One engine's or storage's circuit breaker. It belongs to the loop's thread; its state may be read from any.

    It opens after some failures in a row, and at once at one that says so (`trips`), for as long as that says. Then
    one request may try it again, and what becomes of it closes or opens the breaker.
    """

    def __init__(
        self, name: str, failures: int, seconds: int, resting: Callable[[str, int], Failure] = EngineResting
    ) -> None:
        """`failures` of 0 opens it at once or never; `seconds` is how long it stays open if a failure does not say.

        `resting` makes what `refuse` raises of a sentence and the seconds that are left.
        """
        self._name = name
        self._resting = resting
        self._limit = failures
        self._seconds = seconds
        self._in_a_row = 0
        self._until: float | None = None  # of the monotonic clock; None while it is closed
        self._why = Failure(f"{name} failed.")
        self._probing = False

    @property
    def state(self) -> State:
        """`half-open` if the next request may try it again."""
        if self._until is None:
            return "closed"
        return "open" if self.seconds_left else "half-open"

    @property
    def seconds_left(self) -> int:
        """How long it is still left alone, in whole seconds; 0 if it may be asked."""
        return math.ceil(self._left)

    @property
    def _left(self) -> float:
        until = self._until
        return 0.0 if until is None else max(0.0, until - time.monotonic())

    @property
    def turned_away(self) -> bool:
        """Whether it rests because the service itself wants that."""
        return bool(self._left) and self._why.wall

    @property
    def reason(self) -> str:
        """Until when it rests, and why."""
        end = datetime.now(UTC) + timedelta(seconds=self._left)
        return f"resting until {end.isoformat(timespec='seconds')}, because: {self._why}"

    def refuse(self) -> None:
        """Raise why it is not asked now, if it is not."""
        left = self.seconds_left
        if left and self._why.wall:
            raise _of_its_own(self._why, left)
        if left:
            raise self._resting(f"{self._name} is left alone for a while after failures: {self._why}", left)
        if self._probing and self.state != "closed":
            raise self._resting(f"{self._name} is being tried again after failures: {self._why}", PROBE_SECONDS)

    @contextlib.contextmanager
    def attempt(self, *, insist: bool = False) -> Iterator[None]:
        """Ask within this; raises what `refuse` does, unless one insists. What is cancelled counts for nothing."""
        if not insist:
            self.refuse()
        probing = self.state == "half-open" and not self._probing
        self._probing |= probing
        try:
            yield
        except Failure as error:
            self.failed(error)
            raise
        else:
            self._succeeded(insist)
        finally:
            if probing:
                self._probing = False

    def failed(self, error: Failure) -> None:
        """Count a failure; one that does not count, such as what the request itself brought on, ends a trial well."""
        if error.by_request or not (self._limit or error.trips):
            if self.state == "half-open":
                self._succeeded()
        elif error.trips:
            self._tripped(error)
        elif self.state != "open":
            self._in_a_row += 1
            if self._until is not None or self._in_a_row >= self._limit:
                self._open(self._seconds, error)

    def _tripped(self, error: Failure) -> None:
        """Rest for as long as the failure says; its client is told of it."""
        seconds = self._seconds if error.retry_after is None else error.retry_after
        if self.seconds_left > seconds:
            error.retry_after = self.seconds_left
            return  # another request met a longer one
        error.retry_after = seconds or None
        if seconds:
            self._open(seconds, error)

    def _open(self, seconds: int, why: Failure) -> None:
        self._why = _of_its_own(why, None)
        self._until = time.monotonic() + seconds
        log.warning("%s rests for %d seconds: %s", self._name, seconds, why)

    def _succeeded(self, insisted: bool = False) -> None:
        if insisted or not self._left:  # else it was begun before the rest
            self._until = None
            self._in_a_row = 0


def _of_its_own(error: Failure, retry_after: int | None) -> Failure:
    """The same failure without what belongs to the request that met it."""
    found = type(error).__new__(type(error), *error.args)  # each class is made from other things
    found.__dict__.update(error.__dict__, retry_after=retry_after, fallback_from=None)
    return found
