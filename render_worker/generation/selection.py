"""Selection of engines: which candidates a request has, in which order, and what keeps others from answering."""

import math
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from render_worker.circuit_breaker import CircuitBreaker
from render_worker.contract import EngineHealth, GenerateRequest, Model, PassedOver, Recipe
from render_worker.engines.base import Engine
from render_worker.errors import EngineError, EngineNotConfigured, InvalidParameter, QueueFull, TooSlow, WorkerError
from render_worker.generation.admission import Admission
from render_worker.generation.latency import Latencies

AUTO = "auto"


@dataclass(frozen=True)
class Candidate:
    """An engine that may make the picture."""

    engine: Engine
    left_out: list[str]
    """Parameters of the recipe that the engine cannot honour."""
    ignored: list[str]
    """Those of them that the client asked for."""
    place: int
    """Its place in the order of preference."""
    making_seconds: float
    """The engine's p90, or a rough idea of it before the first picture."""
    waiting_seconds: float
    """Until it is likely to have a free slot."""

    @property
    def rank(self) -> tuple[bool, int]:
        """Return the sort key: full matches first, then in the order of preference."""
        return bool(self.ignored), self.place

    @property
    def expected_seconds(self) -> int:
        """Return the seconds until the picture is there, waiting included."""
        return math.ceil(self.waiting_seconds + self.making_seconds)

    def recipe(self, request: Recipe) -> Recipe:
        """Return the request without what is left out."""
        defaults = {name: Recipe.model_fields[name].default for name in self.left_out}
        return request.model_copy(update=defaults)


@dataclass(frozen=True)
class CandidateFailure:
    """A candidate, and the error that keeps it from answering."""

    candidate: Candidate
    error: WorkerError


class Selection:
    """One request's candidates in order, and the failures so far.

    It moves on by `next_candidate` and `record_failure` alone, and is over when no candidate is left, or after an error
    for which no other engine may be asked.
    """

    def __init__(
        self, request: GenerateRequest, candidates: Sequence[Candidate], unavailable: Iterable[CandidateFailure] = ()
    ) -> None:
        """Select `candidates`, of which there is at least one; `unavailable` cannot be attempted now."""
        self.request = request
        self.started = time.monotonic()
        self._remaining = deque(candidates)
        self._unavailable = tuple(unavailable)
        self._failed: list[CandidateFailure] = []
        self.is_single = len(candidates) == 1 and not self._unavailable
        """Whether no other engine comes into question at all."""

    def next_candidate(self) -> Candidate | None:
        """Return the candidate to attempt next; None if the selection is over."""
        if not self._remaining or (self._failed and _is_final(self._failed[-1].error)):
            return None
        return self._remaining.popleft()

    def record_failure(self, candidate: Candidate, error: WorkerError) -> None:
        """Record that the attempt of a candidate failed."""
        self._failed.append(CandidateFailure(candidate, error))

    @property
    def remaining(self) -> tuple[Candidate, ...]:
        """Return the candidates that have not been attempted."""
        return tuple(self._remaining)

    @property
    def last_failure(self) -> CandidateFailure | None:
        """Return the failure of the attempt before; None if there is none."""
        return self._failed[-1] if self._failed else None

    @property
    def is_admitted(self) -> bool:
        """Return whether the engine that was attempted last had admitted the request, and did not evict it."""
        return bool(self._failed) and not isinstance(self._failed[-1].error, QueueFull)

    def passed_over(self, candidate: Candidate) -> list[PassedOver] | None:
        """Return the failures of candidates that rank before this one; None if there are none."""
        return _passed_over(it for it in self._failures if it.candidate.rank < candidate.rank)

    def error(self) -> WorkerError:
        """Return the last failure, with the others; one that is no InvalidParameter if there is such a one.

        That a single engine cannot read the request must not hide that another one is down.
        """
        lasting = [failure for failure in self._failed if not isinstance(failure.error, InvalidParameter)]
        told = (lasting or self._failed)[-1]
        candidate, error = told.candidate, told.error
        error.fallback_from = self.passed_over(candidate) if _is_final(error) else _others(self._failures, candidate)
        return error

    @property
    def _failures(self) -> list[CandidateFailure]:
        return [*self._unavailable, *self._failed]


class EngineSelector:
    """Selects engines for requests, by their circuit breakers, their queues and what they can honour.

    It belongs to the loop's thread; the engines' states may be read from any.
    """

    def __init__(
        self,
        engines: Mapping[str, Engine],
        auto: tuple[str, ...],
        breakers: Mapping[str, CircuitBreaker],
        latencies: Latencies,
        admission: Admission,
    ) -> None:
        """Select among `engines`; `auto` names those that answer model=auto, in the order of preference."""
        self.engines = engines
        self.breakers = breakers
        self._auto = auto
        self._latencies = latencies
        self._admission = admission
        self._named = {name: engine for engine in engines.values() for name in (engine.name, *engine.models)}

    def select(self, request: GenerateRequest) -> Selection:
        """Return the candidates for a request.

        Raises InvalidParameter if the request cannot be honoured, TooSlow if no engine is expected to be done within
        the time that it names, or, if none is available, the error of the one that can be asked again soonest.
        """
        if request.model == AUTO:
            return self._select_auto(request)
        if request.within is not None:
            raise InvalidParameter("within only goes with model=auto.")
        if request.model not in self._named:
            raise InvalidParameter(f"model must be one of auto, {', '.join(self._named)}.")
        engine = self._named[request.model]
        engine.check()
        candidate = self._candidate(engine, request)
        if candidate.ignored:
            named = " and ".join(candidate.ignored)
            raise InvalidParameter(
                f"{named} cannot be honoured by {request.model}; leave that out, or ask with model=auto."
            )
        self.breakers[engine.name].raise_if_open()
        return Selection(request, [candidate])

    def _select_auto(self, request: GenerateRequest) -> Selection:
        """Return the available candidates, full matches first, without those expected to exceed `within`."""
        available: list[Candidate] = []
        unavailable: list[CandidateFailure] = []
        for place, engine in enumerate(self.auto_engines):
            candidate = self._candidate(engine, request, place)
            try:
                engine.check()
                self.breakers[engine.name].raise_if_open()
                available.append(candidate)
            except EngineError as error:
                unavailable.append(CandidateFailure(candidate, error))
        if not available:
            raise _soonest(unavailable)
        available.sort(key=lambda candidate: candidate.rank)
        if request.within is not None:
            available, slow = _split_by_time(available, unavailable, request.within)
            unavailable += slow
        return Selection(request, available, unavailable)

    def _candidate(self, engine: Engine, request: GenerateRequest, place: int = 0) -> Candidate:
        making = self._latencies.p90(engine.name) or engine.typical_seconds
        waiting = 0.0
        if self._admission.must_wait(engine.slots):
            position = self._admission.queue_depth(engine.slots) + 1
            each = self._latencies.p50(engine.name) or engine.typical_seconds
            waiting = each * position / self._admission.concurrency(engine.slots)
        left_out = engine.cannot_honour(request)
        ignored = [name for name in left_out if not (name == "negative_prompt" and request.negative_prompt_optional)]
        return Candidate(engine, left_out, ignored, place, making, waiting)

    @property
    def auto_engines(self) -> Iterator[Engine]:
        """Yield the engines that answer model=auto, in the order of preference."""
        return (self.engines[name] for name in self._auto)

    @property
    def ready(self) -> bool:
        """Return whether a picture of model=auto would be tried now."""
        return any(self.health(name).state == "ready" for name in self._auto)

    @property
    def busy(self) -> bool:
        """Return whether the next request of model=auto has to wait at each engine."""
        return all(self._admission.must_wait(engine.slots) for engine in self.auto_engines)

    def health(self, name: str) -> EngineHealth:
        """Return an engine's state, which is known without a request to its service."""
        engine, breaker = self.engines[name], self.breakers[name]
        health = engine.health()
        times = {"median_seconds": self._latencies.p50(name), "p90_seconds": self._latencies.p90(name)}
        found: dict[str, object] = {field: seconds and round(seconds, 2) for field, seconds in times.items()}
        try:
            engine.check()
        except EngineNotConfigured as error:
            found |= {"state": "down", "reason": str(error)}
        if breaker.state == "open" and health.state == "ready":
            found |= {"state": "resting", "reason": breaker.reason}
        return health.model_copy(update={**found, "breaker": breaker.state})

    def models(self) -> list[Model]:
        """Return every name that `select` knows, besides auto."""
        return [self._model(name, engine) for name, engine in self._named.items()]

    def _model(self, name: str, engine: Engine) -> Model:
        health = self.health(engine.name)
        return Model(
            name=name,
            description=engine.description,
            engine=engine.name,
            answers_auto=name in self._auto,
            state=health.state,
            reason=health.reason,
            honours=sorted(engine.capabilities_of(name).parameters),
        )


def _is_final(error: WorkerError) -> bool:
    return isinstance(error, EngineError) and error.forbids_fallback


def _passed_over(failures: Iterable[CandidateFailure]) -> list[PassedOver] | None:
    """Return the failures as they travel, by rank; None if there are none."""
    by_rank = sorted(failures, key=lambda it: it.candidate.rank)
    return [PassedOver(engine=it.candidate.engine.name, code=it.error.code) for it in by_rank] or None


def _others(failures: Iterable[CandidateFailure], candidate: Candidate) -> list[PassedOver] | None:
    """Return the failures of all candidates but this one; None if there are none."""
    return _passed_over(it for it in failures if it.candidate is not candidate)


def _split_by_time(
    candidates: list[Candidate], unavailable: list[CandidateFailure], within: float
) -> tuple[list[Candidate], list[CandidateFailure]]:
    """Return the candidates that are expected to be done within so many seconds, and the others as too slow.

    Raises TooSlow, with the expected seconds of the fastest, if none is.
    """
    fitting = [candidate for candidate in candidates if candidate.expected_seconds <= within]
    fastest = min(candidates, key=lambda candidate: candidate.expected_seconds)
    error = TooSlow(
        f"No engine is expected to be done within {within:g} seconds; "
        f"the fastest of now, {fastest.engine.name}, takes up to {fastest.expected_seconds}.",
        fastest.expected_seconds,
    )
    if not fitting:
        error.fallback_from = _others(unavailable, fastest)
        raise error
    return fitting, [CandidateFailure(candidate, error) for candidate in candidates if candidate not in fitting]


def _soonest(unavailable: list[CandidateFailure]) -> WorkerError:
    """Return the error of the engine that can be asked again soonest, with those of the others."""
    soonest = min(unavailable, key=lambda it: math.inf if it.error.retry_after is None else it.error.retry_after)
    soonest.error.fallback_from = _others(unavailable, soonest.candidate)
    return soonest.error
