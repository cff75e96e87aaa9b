"""The scenario that is played, the log of requests and the gauge. Shared by all threads of the sandbox."""

import random
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Literal, TypeVar

from flask import current_app
from pydantic import BaseModel

from sandbox.scenario import Scenario
from sandbox.stand_in import StandIn, combined_scenario

MAX_LOGGED_REQUESTS = 10_000

ScenarioT = TypeVar("ScenarioT", bound=Scenario)
MemoryT = TypeVar("MemoryT")
RequestOutcome = Literal["in flight", "answered", "aborted"]


class LoggedRequest(BaseModel):
    """One request that the sandbox got."""

    endpoint: str
    at: float
    """Seconds since the sandbox started."""
    outcome: RequestOutcome = "in flight"
    played: str = "ok"
    seconds: float | None = None
    body: dict[str, object] | None = None


class SandboxState:
    """The scenario, the log and the gauge."""

    def __init__(self, stand_ins: Sequence[StandIn]) -> None:
        self.scenario_type = combined_scenario(stand_ins)
        self._stand_ins = stand_ins
        self._by_chance = {name: faults.by_chance for each in stand_ins for name, faults in each.faults.items()}
        self._lock = threading.Lock()
        self._started = time.monotonic()
        self._in_flight = self._peak = 0
        self._clear()

    def reset(self) -> None:
        """Play that all is well, empty the log and reset every stand-in; needs an application context."""
        self._clear()
        for stand_in in self._stand_ins:
            stand_in.reset()

    def unknown_word(self, scenario: Scenario) -> tuple[str, tuple[str, ...]] | None:
        """Return the first field whose fault its endpoint cannot play, and what it can; None if there is none."""
        each = ((name, faults) for stand_in in self._stand_ins for name, faults in stand_in.faults.items())
        return next(((name, it.words) for name, it in each if not it.plays(getattr(scenario, name))), None)

    def play(self, scenario: Scenario) -> None:
        """Play another scenario from now on."""
        with self._lock:
            self._set(scenario)

    def fields(self, kind: type[ScenarioT]) -> ScenarioT:
        """Return the scenario, typed as one stand-in's own."""
        assert isinstance(self.scenario, kind)  # noqa: S101 - the model inherits from every stand-in's
        return self.scenario

    def draw(self, endpoint: str) -> str:
        """Return the fault to play for this request, or "ok"; counts those that `times` limits."""
        with self._lock:
            by_chance = self._by_chance[endpoint]
            if by_chance and self._chance.random() < self.scenario.faults:
                return self._chance.choice(by_chance)
            fault: str = getattr(self.scenario, endpoint)
            if fault == "ok" or (self.scenario.times and self._played >= self.scenario.times):
                return "ok"
            self._played += 1
            return fault

    @contextmanager
    def logged(self, endpoint: str, body: dict[str, object] | None = None) -> Iterator[LoggedRequest]:
        """Log a request for as long as it is in flight."""
        entry = LoggedRequest(endpoint=endpoint, at=round(time.monotonic() - self._started, 3), body=body)
        with self._lock:
            self._log.append(entry)
        begun = time.monotonic()
        try:
            yield entry
        finally:
            entry.seconds = round(time.monotonic() - begun, 3)
            if entry.outcome == "in flight":
                entry.outcome = "answered"

    @contextmanager
    def in_flight(self) -> Iterator[None]:
        """Count a generation in the gauge."""
        with self._lock:
            self._in_flight += 1
            self._peak = max(self._peak, self._in_flight)
        try:
            yield
        finally:
            with self._lock:
                self._in_flight -= 1

    def gauge(self) -> dict[str, int]:
        """Return the generations in flight, their peak, and the requests in flight at each endpoint."""
        with self._lock:
            endpoints = Counter(entry.endpoint for entry in self._log if entry.seconds is None)
            return {"in_flight": self._in_flight, "peak": self._peak, **endpoints}

    def log(self) -> list[LoggedRequest]:
        """Return the requests, oldest first."""
        with self._lock:
            return list(self._log)

    def _clear(self) -> None:
        with self._lock:
            self._set(self.scenario_type())
            self._log: deque[LoggedRequest] = deque(maxlen=MAX_LOGGED_REQUESTS)
            self._peak = self._in_flight  # what is in flight ends later

    def _set(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self._played = 0
        self._chance = random.Random(scenario.fault_seed)  # noqa: S311 - chance that can be had again


def state() -> SandboxState:
    """Return the running sandbox's state."""
    found: SandboxState = current_app.extensions["sandbox"]
    return found


def memory(kind: type[MemoryT]) -> MemoryT:
    """Return the running sandbox's one object of a class, made when it is first needed."""
    found: MemoryT = current_app.extensions.setdefault(f"{kind.__module__}.{kind.__qualname__}", kind())
    return found
