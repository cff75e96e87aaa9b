"""When an engine is left alone, because asking it again would be in vain or make its refusal last longer."""

import contextlib
import logging
import math
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Literal

import pybreaker

from render_worker.errors import EngineError, EngineResting, Wall

PROBE_SECONDS = 15  # about a picture's time: who comes while one request tries the engine again asks again then

State = Literal["closed", "open", "half-open"]

log = logging.getLogger(__name__)


class Rest:
    """One engine's circuit breaker. It belongs to the loop's thread; its state may be read from any.

    It opens after some failures in a row, and at once at a Wall, for as long as that says. Then one request may try
    the engine again, and what becomes of it closes or opens the breaker.
    """

    def __init__(self, engine: str, failures: int, seconds: int) -> None:
        """`failures` of 0 opens it for walls alone; `seconds` is how long it stays open where a wall says nothing."""
        self._engine = engine
        self._counts = failures > 0
        self._seconds = seconds
        self._memory = pybreaker.CircuitMemoryStorage(pybreaker.STATE_CLOSED)
        self._breaker = pybreaker.CircuitBreaker(
            failures or sys.maxsize, state_storage=self._memory, name=engine, throw_new_error_on_trip=False
        )
        self._why: EngineError = EngineError(f"{engine} failed.")
        self._probing = False

    @property
    def state(self) -> State:
        """`half-open` where the next request may try the engine again."""
        if self._breaker.current_state == pybreaker.STATE_CLOSED:
            return "closed"
        return "open" if self.seconds_left else "half-open"

    @property
    def seconds_left(self) -> int:
        """Until then nobody asks the engine; 0 where it may be asked."""
        if self._breaker.current_state != pybreaker.STATE_OPEN:
            return 0
        return max(0, math.ceil((self._end - datetime.now(UTC)).total_seconds()))

    @property
    def reason(self) -> str:
        """Until when the engine rests, and why."""
        return f"resting until {self._end.isoformat(timespec='seconds')}, because: {self._why}"

    @property
    def _end(self) -> datetime:
        return (self._memory.opened_at or datetime.now(UTC)) + timedelta(seconds=self._breaker.reset_timeout)

    def refuse(self) -> None:
        """Raise why the engine is not asked now, where it is not."""
        left = self.seconds_left
        if left and isinstance(self._why, Wall):
            raise _of_its_own(self._why, left)
        if left:
            raise EngineResting(f"{self._engine} is left alone for a while after failures: {self._why}", left)
        if self._probing and self.state != "closed":
            raise EngineResting(f"{self._engine} is being tried again after failures: {self._why}", PROBE_SECONDS)

    @contextlib.contextmanager
    def attempt(self) -> Iterator[None]:
        """Ask the engine within this; what `refuse` raises where it rests. What is cancelled counts for nothing."""
        self.refuse()
        probing = self._probing = self.state == "half-open"
        try:
            yield
        except EngineError as error:
            self.failed(error)
            raise
        else:
            self._succeeded()
        finally:
            if probing:
                self._probing = False

    def failed(self, error: EngineError) -> None:
        """Count a failure; one that does not count, such as what the request itself brought on, ends a trial well."""
        if error.by_request or not (self._counts or isinstance(error, Wall)):
            if self.state == "half-open":
                self._succeeded()
        elif isinstance(error, Wall):
            self._met(error)
        else:
            if self._breaker.current_state == pybreaker.STATE_CLOSED or not self.seconds_left:
                self._breaker.reset_timeout = self._seconds
                self._why = _of_its_own(error, None)
            was = self.state
            with contextlib.suppress(EngineError, pybreaker.CircuitBreakerError):
                self._breaker.call(_raise, error)
            if self.state == "open" and was != "open":
                log.warning("%s rests for %d seconds after failures in a row: %s", self._engine, self._seconds, error)

    def _met(self, wall: Wall) -> None:
        """Rest for as long as the wall says; its caller is told of it."""
        seconds = self._seconds if wall.retry_after is None else wall.retry_after
        if self.seconds_left > seconds:
            wall.retry_after = self.seconds_left
            return  # another request met a longer one
        wall.retry_after = seconds or None
        if seconds:
            self._why = _of_its_own(wall, None)
            self._breaker.reset_timeout = seconds
            self._breaker.open()
            log.warning("%s rests for %d seconds: %s", self._engine, seconds, wall)

    def _succeeded(self) -> None:
        if not self.seconds_left:  # else it was begun before the rest
            self._breaker.call(lambda: None)


def _of_its_own(error: EngineError, retry_after: int | None) -> EngineError:
    """The same failure without what belongs to the request that met it."""
    found = type(error).__new__(type(error), *error.args)  # each class is made from other things
    found.__dict__.update(error.__dict__, retry_after=retry_after, fallback_from=None)
    return found


def _raise(error: EngineError) -> None:
    raise error
