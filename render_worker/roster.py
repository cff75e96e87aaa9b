"""The engines that are enabled, and which of them a request may be made by, in which order."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from render_worker.admission import Admission
from render_worker.contract import EngineHealth, GenerateRequest, Model, PassedOver, Recipe
from render_worker.durations import Durations
from render_worker.engines.base import Engine
from render_worker.errors import EngineError, EngineNotConfigured, InvalidParameter, TooSlow
from render_worker.resting import Rest

AUTO = "auto"


@dataclass(frozen=True)
class Candidate:
    """An engine that may make the picture."""

    engine: Engine
    ignored: list[str]
    """What was asked for and it cannot honour."""
    expected_seconds: int
    """What nine tenths of its recent pictures did not exceed, and the time to wait for a place."""

    def recipe(self, request: Recipe) -> Recipe:
        """The request without what is ignored."""
        defaults = {name: Recipe.model_fields[name].default for name in self.ignored}
        return request.model_copy(update=defaults)


@dataclass
class Choice:
    """Who may make the picture, the first first; never empty. And who would have come before."""

    candidates: list[Candidate]
    passed_over: list[PassedOver] = field(default_factory=list)


class Roster:
    """Every enabled engine by its name, and when it rests. It belongs to the loop's thread; any may read the states."""

    def __init__(
        self,
        engines: Mapping[str, Engine],
        auto: tuple[str, ...],
        rests: Mapping[str, Rest],
        durations: Durations,
        admission: Admission,
    ) -> None:
        """`auto`: who answers model=auto, in the order of preference."""
        self.engines = engines
        self.auto = auto
        self.rests = rests
        self._durations = durations
        self._admission = admission
        self._named = {name: engine for engine in engines.values() for name in (engine.name, *engine.models)}

    def choose(self, request: GenerateRequest) -> Choice:
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
            raise InvalidParameter(
                f"{candidate.ignored[0]} cannot be honoured by {request.model}; leave it out, or ask with model=auto."
            )
        self.rests[engine.name].refuse()
        return Choice([candidate])

    def _any(self, request: GenerateRequest) -> Choice:
        """Those who can be asked, those who honour everything first, and those who are expected to be too slow not."""
        able: list[Candidate] = []
        unable: list[tuple[str, EngineError]] = []
        for engine in self._of_auto():
            try:
                engine.check()
                self.rests[engine.name].refuse()
                able.append(self._candidate(engine, request))
            except EngineError as error:
                unable.append((engine.name, error))
        if not able:
            raise _soonest(unable)
        passed_over = _passed_over(unable)
        able.sort(key=lambda candidate: bool(candidate.ignored))
        if request.within is not None:
            able, too_slow = _in_time(able, request.within)
            passed_over += [PassedOver(engine=it.engine.name, code=TooSlow.code) for it in too_slow]
        return Choice(able, passed_over)

    def _candidate(self, engine: Engine, request: GenerateRequest) -> Candidate:
        return Candidate(engine, engine.cannot_honour(request), self._expected_seconds(engine))

    def _expected_seconds(self, engine: Engine) -> int:
        making = self._durations.p90(engine.name) or engine.usual_seconds
        waiting = 0.0
        if self._admission.must_wait(engine.places):
            position = self._admission.waiting_for(engine.places) + 1
            each = self._durations.median(engine.name) or engine.usual_seconds
            waiting = each * position / self._admission.at_a_time(engine.places)
        return math.ceil(waiting + making)

    def _of_auto(self) -> Iterator[Engine]:
        return (self.engines[name] for name in self.auto)

    @property
    def ready(self) -> bool:
        """Whether a picture of model=auto would be tried now."""
        return any(self.health(name).state == "ready" for name in self.auto)

    @property
    def busy(self) -> bool:
        """Whether the next caller of model=auto has to wait, whoever is asked."""
        return all(self._admission.must_wait(engine.places) for engine in self._of_auto())

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
            answers_auto=name in self.auto,
            state=health.state,
            reason=health.reason,
            honours=sorted(engine.honours(name)),
        )


def _in_time(able: list[Candidate], within: float) -> tuple[list[Candidate], list[Candidate]]:
    """Those who are expected to be done in time, and those who come before the first of them."""
    fitting = [candidate for candidate in able if candidate.expected_seconds <= within]
    if not fitting:
        fastest = min(able, key=lambda candidate: candidate.expected_seconds)
        expected = fastest.expected_seconds
        raise TooSlow(
            f"No engine is expected to be done within {within:g} seconds; "
            f"the fastest of now, {fastest.engine.name}, takes up to {expected}.",
            expected,
        )
    return fitting, able[: able.index(fitting[0])]


def _passed_over(unable: list[tuple[str, EngineError]]) -> list[PassedOver]:
    return [PassedOver(engine=name, code=error.code) for name, error in unable]


def _soonest(unable: list[tuple[str, EngineError]]) -> EngineError:
    """Why the engine cannot be asked that can be asked again first; with the others' reasons."""
    first = min(unable, key=lambda it: math.inf if it[1].retry_after is None else it[1].retry_after)
    first[1].fallback_from = _passed_over([it for it in unable if it is not first]) or None
    return first[1]
