"""The engines that are enabled, and which of them a request may be made by, in which order."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from render_worker.circuit_breaker import CircuitBreaker
from render_worker.contract import EngineHealth, GenerateRequest, Model, PassedOver, Recipe
from render_worker.engines.base import Engine
from render_worker.errors import EngineError, EngineNotConfigured, InvalidParameter, TooSlow
from render_worker.generation.admission import Admission
from render_worker.generation.latency import Latencies

AUTO = "auto"


@dataclass(frozen=True)
class Candidate:
    """An engine that may make the picture."""

    engine: Engine
    left_out: list[str]
    """What the recipe has and the engine cannot honour."""
    ignored: list[str]
    """What of that the caller asked for."""
    place: int
    """Its place in the order of preference."""
    making_seconds: float
    """What nine tenths of its recent pictures did not exceed, or before the first one a rough idea of that."""
    waiting_seconds: float
    """Until it is likely to have a free place."""

    @property
    def rank(self) -> tuple[bool, int]:
        """Who honours everything comes first, and then the order of preference."""
        return bool(self.ignored), self.place

    @property
    def expected_seconds(self) -> int:
        """Until the picture is there."""
        return math.ceil(self.waiting_seconds + self.making_seconds)

    def recipe(self, request: Recipe) -> Recipe:
        """The request without what is left out."""
        defaults = {name: Recipe.model_fields[name].default for name in self.left_out}
        return request.model_copy(update=defaults)


@dataclass
class Selection:
    """Who may make the picture, the first first; never empty. And who cannot, or could not."""

    candidates: list[Candidate]
    out: list[tuple[Candidate, str]] = field(default_factory=list)
    """Each with the code of what keeps it from answering."""
    admitted: bool = False
    """Whether the engine that was asked last let the request in, and it did not give way since."""

    def passed_over(self, candidate: Candidate) -> list[PassedOver] | None:
        """Those of them who come before that candidate; None where there is none."""
        return _told([it for it in self.out if it[0].rank < candidate.rank])

    def others(self, candidate: Candidate) -> list[PassedOver] | None:
        """All of them but that one."""
        return _told([it for it in self.out if it[0] is not candidate])


def _told(out: list[tuple[Candidate, str]]) -> list[PassedOver] | None:
    return [PassedOver(engine=it.engine.name, code=code) for it, code in sorted(out, key=lambda it: it[0].rank)] or None


class EngineSelector:
    """Every enabled engine by its name, and when it rests. It belongs to the loop's thread; any may read the states."""

    def __init__(
        self,
        engines: Mapping[str, Engine],
        auto: tuple[str, ...],
        rests: Mapping[str, CircuitBreaker],
        durations: Latencies,
        admission: Admission,
    ) -> None:
        """`auto`: who answers model=auto, in the order of preference."""
        self.engines = engines
        self.auto = auto
        self.rests = rests
        self._durations = durations
        self._admission = admission
        self._named = {name: engine for engine in engines.values() for name in (engine.name, *engine.models)}

    def choose(self, request: GenerateRequest) -> Selection:
        """Who is asked for the picture; the WorkerError of the one that comes back soonest where nobody can be."""
        if request.model == AUTO:
            return self._any(request)
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
        self.rests[engine.name].raise_if_open()
        return Selection([candidate])

    def _any(self, request: GenerateRequest) -> Selection:
        """Those who can be asked, those who honour everything first, and those who are expected to be too slow not."""
        able: list[Candidate] = []
        unable: list[tuple[Candidate, EngineError]] = []
        for place, engine in enumerate(self._of_auto()):
            candidate = self._candidate(engine, request, place)
            try:
                engine.check()
                self.rests[engine.name].raise_if_open()
                able.append(candidate)
            except EngineError as error:
                unable.append((candidate, error))
        choice = Selection(
            sorted(able, key=lambda candidate: candidate.rank), [(it, error.code) for it, error in unable]
        )
        if not able:
            raise _soonest(choice, unable)
        return choice if request.within is None else _in_time(choice, request.within)

    def _candidate(self, engine: Engine, request: GenerateRequest, place: int = 0) -> Candidate:
        making = self._durations.p90(engine.name) or engine.typical_seconds
        waiting = 0.0
        if self._admission.must_wait(engine.slots):
            position = self._admission.queue_depth(engine.slots) + 1
            each = self._durations.median(engine.name) or engine.typical_seconds
            waiting = each * position / self._admission.concurrency(engine.slots)
        left_out = engine.cannot_honour(request)
        ignored = [name for name in left_out if not (name == "negative_prompt" and request.negative_prompt_optional)]
        return Candidate(engine, left_out, ignored, place, making, waiting)

    def _of_auto(self) -> Iterator[Engine]:
        return (self.engines[name] for name in self.auto)

    @property
    def ready(self) -> bool:
        """Whether a picture of model=auto would be tried now."""
        return any(self.health(name).state == "ready" for name in self.auto)

    @property
    def busy(self) -> bool:
        """Whether the next caller of model=auto has to wait, whoever is asked."""
        return all(self._admission.must_wait(engine.slots) for engine in self._of_auto())

    def health(self, name: str) -> EngineHealth:
        """An engine's state, known without asking anybody."""
        engine, rest = self.engines[name], self.rests[name]
        health = engine.health()
        times = {"median_seconds": self._durations.median(name), "p90_seconds": self._durations.p90(name)}
        found: dict[str, object] = {field: seconds and round(seconds, 2) for field, seconds in times.items()}
        try:
            engine.check()
        except EngineNotConfigured as error:
            found |= {"state": "down", "reason": str(error)}
        if rest.state == "open" and health.state == "ready":
            found |= {"state": "resting", "reason": rest.reason}
        return health.model_copy(update={**found, "breaker": rest.state})

    def models(self) -> list[Model]:
        """Every name that `choose` knows, besides auto."""
        return [self._model(name, engine) for name, engine in self._named.items()]

    def _model(self, name: str, engine: Engine) -> Model:
        health = self.health(engine.name)
        return Model(
            name=name,
            description=engine.description,
            engine=engine.name,
            answers_auto=name in self.auto,
            state=health.state,
            reason=health.reason,
            honours=sorted(engine.capabilities_of(name).parameters),
        )


def _in_time(choice: Selection, within: float) -> Selection:
    """Those who are expected to be done in time, and the others as being too slow."""
    fitting = [candidate for candidate in choice.candidates if candidate.expected_seconds <= within]
    slow = [(candidate, TooSlow.code) for candidate in choice.candidates if candidate not in fitting]
    if fitting:
        return Selection(fitting, choice.out + slow)
    fastest = min(choice.candidates, key=lambda candidate: candidate.expected_seconds)
    error = TooSlow(
        f"No engine is expected to be done within {within:g} seconds; "
        f"the fastest of now, {fastest.engine.name}, takes up to {fastest.expected_seconds}.",
        fastest.expected_seconds,
    )
    error.fallback_from = choice.others(fastest)
    raise error


def _soonest(choice: Selection, unable: list[tuple[Candidate, EngineError]]) -> EngineError:
    """Why the engine cannot be asked that can be asked again first; with the others' reasons."""
    first, error = min(unable, key=lambda it: math.inf if it[1].retry_after is None else it[1].retry_after)
    error.fallback_from = choice.others(first)
    return error
