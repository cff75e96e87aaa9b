"""The engine selector: which engines may answer a request, and in which order."""

import math
from collections.abc import Iterator, Mapping

from render_worker.budgets.budgets import Budgets
from render_worker.budgets.expense import Expense
from render_worker.circuit_breaker import CircuitBreaker
from render_worker.contract import AUTO, KEEPING_ENGINE_NAMES, EngineHealth, GenerateRequest, Model, Preference, Recipe
from render_worker.engines.base import Engine
from render_worker.engines.loadable import ModelNotEnabled
from render_worker.errors import EngineError, EngineNotConfigured, InvalidParameter, WorkerError
from render_worker.generation.admission import Admission
from render_worker.generation.errors import EngineStarting, TooSlow
from render_worker.generation.latency import Latencies, seconds_to_turn
from render_worker.generation.selection import (
    Candidate,
    CandidateFailure,
    Selection,
    failures_but,
    missed_names,
    without,
)


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
        budgets: Budgets | None = None,
        prices: Mapping[str, float] | None = None,
    ) -> None:
        """Select among `engines`; `auto` names those that answer model=auto, in the order of preference.

        `prices` are those that the operator names, in US dollars for a picture of an engine.
        """
        self.engines = engines
        self.breakers = breakers
        self._auto = auto
        self._latencies = latencies
        self._admission = admission
        self.budgets = budgets or Budgets()
        self._prices = prices or {}

    @property
    def _named(self) -> dict[str, Engine]:
        """Return the engine of every name; an engine's models may come and go."""
        return {name: engine for engine in self.engines.values() for name in (engine.name, *engine.models)}

    def select(self, request: GenerateRequest, expense: Expense | None = None) -> Selection:
        """Return the candidates for a request whose attempts count on `expense`, a new one of its max_price if None.

        Raises InvalidParameter if the request cannot be honoured, TooSlow if no engine is expected to be done within
        the time that it names, or, if none is available, the error of the one that can be asked again soonest.
        """
        expense = expense or Expense(request.max_price)
        if request.model == AUTO:
            return self._select_auto(request, expense)
        for name in ("within", "prefer"):
            if getattr(request, name) is not None:
                raise InvalidParameter(f"{name} only goes with model=auto.")
        named = self._named
        if request.model not in named:
            refusal = ModelNotEnabled if request.model in KEEPING_ENGINE_NAMES else InvalidParameter
            raise refusal(f"model must be one of auto, {', '.join(named)}.")
        return self._select_named(request, named[request.model], expense)

    def _select_named(self, request: GenerateRequest, engine: Engine, expense: Expense) -> Selection:
        """Return the one candidate; a named engine has no fallback, and nothing is ignored."""
        engine.check()
        candidate = self._candidate(engine, request)
        if candidate.missed:
            raise InvalidParameter(_refusal(candidate, request))
        self.check(candidate)
        expense.check(engine.name, candidate.price)
        return Selection(request, [candidate], expense=expense)

    def check(self, candidate: Candidate) -> None:
        """Raise an EngineError if the candidate cannot be attempted now."""
        name = candidate.engine.name
        candidate.engine.check()
        self.breakers[name].raise_if_open()
        self.budgets.check(name, candidate.price)

    def _select_auto(self, request: GenerateRequest, expense: Expense) -> Selection:
        """Return the available candidates by rank, without those expected to exceed `within`."""
        available: list[Candidate] = []
        unavailable: list[CandidateFailure] = []
        for preference, engine in enumerate(self.auto_engines):
            candidate = self._candidate(engine, request, preference)
            if "image" in candidate.left_out:  # without it the picture would be of something else
                continue
            try:
                self.check(candidate)
                expense.check(engine.name, candidate.price)
                available.append(candidate)
            except EngineError as error:
                unavailable.append(CandidateFailure(candidate, error))
        if not available and not unavailable:
            raise InvalidParameter("image cannot be honoured by any engine that is enabled here; leave it out.")
        if not available:
            raise _soonest(unavailable)
        available.sort(key=lambda candidate: candidate.rank)
        if request.within is not None:
            available, slow = _split_by_time(available, unavailable, request.within)
            unavailable += slow
        available, deferred = _without_start(available, request.prefer)
        return Selection(request, available, unavailable, expense, deferred)

    def _candidate(self, engine: Engine, request: GenerateRequest, preference: int = 0) -> Candidate:
        making = self._latencies.p90(engine.name) or engine.typical_seconds
        waiting = 0.0
        if self._admission.must_wait(engine.slots):
            position = self._admission.queue_depth(engine.slots) + 1
            each = self._latencies.p50(engine.name) or engine.typical_seconds
            waiting = seconds_to_turn(position, self._admission.seconds_to_slots(engine.slots), each)
        left_out = engine.cannot_honour(request)
        missed = missed_names(request, left_out)
        price = self._price(engine, without(request, left_out))
        starting = engine.seconds_to_start()
        return Candidate(engine, left_out, missed, preference, making, waiting, starting, price, request.prefer)

    def _price(self, engine: Engine, recipe: Recipe) -> float | None:
        """Return what the recipe's picture costs at most, in US dollars; None if that is not known."""
        return self._prices[engine.name] if engine.name in self._prices else engine.price(recipe)

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
        return self._with_budget(engine, health.model_copy(update={**found, "breaker": breaker.state}))

    def _with_budget(self, engine: Engine, health: EngineHealth) -> EngineHealth:
        """Return an engine's health with its budget: `down` if it cannot be kept, `resting` if it is used up."""
        price = self._price(engine, Recipe(prompt="a", model=engine.name))
        details, problem = self.budgets.state(engine.name, price)
        found: dict[str, object] = {"details": {**health.details, **details}} if details else {}
        if problem and health.state == "ready":
            state = "down" if isinstance(problem, EngineNotConfigured) else "resting"
            found |= {"state": state, "reason": str(problem)}
        return health.model_copy(update=found)

    def problems(self) -> Iterator[str]:
        """Yield what is wrong with how the engines of model=auto are set up, each as a sentence."""
        for engine in self.auto_engines:
            health = self.health(engine.name)
            if health.state == "down":
                yield f"{engine.name} is never asked: {health.reason}"
            elif self._price(engine, Recipe(prompt="a", model=engine.name)) == 0 and self.budgets.limits(engine.name):
                yield (
                    f"ENGINE_DAILY_BUDGET limits nothing for {engine.name}, whose pictures are taken to be free; "
                    f"if its account is billed for them, set ENGINE_PRICES={engine.name}=…, in US dollars."
                )

    def models(self) -> list[Model]:
        """Return every name that `select` knows, besides auto."""
        return [self._model(name, engine) for name, engine in self._named.items()]

    def _model(self, name: str, engine: Engine) -> Model:
        health, capabilities = self.health(engine.name), engine.capabilities_of(name)
        return Model(
            name=name,
            description=engine.description_of(name),
            engine=engine.name,
            answers_auto=name in self._auto,
            state=health.state,
            reason=health.reason,
            honours=sorted(capabilities.parameters),
            sizes=capabilities.sizes.for_clients(),
            price=self._price(engine, Recipe(prompt="a", model=name)),
            quality=engine.quality_of(name),
            **engine.weights_of(name),
            **self._statistics(engine.name),
        )

    def _statistics(self, engine: str) -> dict[str, float | None]:
        """Return p50, p90 and success rate of an engine's last hour, as a model shows them."""
        p50, p90, rate = (it(engine) for it in (self._latencies.p50, self._latencies.p90, self._latencies.success_rate))
        return {
            "p50_seconds": p50 and round(p50, 2),
            "p90_seconds": p90 and round(p90, 2),
            "success_rate": rate and round(rate, 3),
        }


def _refusal(candidate: Candidate, request: GenerateRequest) -> str:
    """Return the sentence about a named model that cannot honour what the client asked for.

    About a size it advises nothing by which a smaller picture would come than the model makes.
    """
    refusal = f"{' and '.join(candidate.missed)} cannot be honoured by {request.model}"
    others = [name for name in candidate.missed if name not in request.size_names]
    size = request.exact_size
    if size is None or others == candidate.missed:
        return f"{refusal}; leave that out, or ask with model=auto."
    advice = f"; leave {' and '.join(others)} out" if others else ""
    width, height = size
    given = "" if request.width and request.height else f" With aspect_ratio it is {width}x{height}."
    makes = candidate.engine.capabilities_of(request.model).sizes.in_words(size)
    return f"{refusal}{advice}.{given} It makes {makes}."


def _split_by_time(
    candidates: list[Candidate], unavailable: list[CandidateFailure], within: float
) -> tuple[list[Candidate], list[CandidateFailure]]:
    """Return the candidates that are expected to be done within so many seconds, and the others as too slow.

    Raises TooSlow, with the expected seconds of the fastest, if none is.
    """
    fastest = min(candidates, key=lambda candidate: candidate.expected_seconds)
    too_slow = _too_slow(fastest, within)
    fitting = [candidate for candidate in candidates if candidate.expected_seconds <= within]
    if not fitting:
        too_slow.fallback_from = failures_but(unavailable, fastest)
        raise too_slow
    return fitting, [CandidateFailure(candidate, too_slow) for candidate in candidates if candidate not in fitting]


def _without_start(
    candidates: list[Candidate], prefer: Preference | None
) -> tuple[list[Candidate], CandidateFailure | None]:
    """Return the candidates, and the first one as deferred if it still starts, and another one is expected sooner.

    That other one comes first then. A client that prefers quality waits for the start.
    """
    first = candidates[0]
    if not first.starting_seconds or prefer == "quality":
        return candidates, None
    sooner = next((it for it in candidates if it.is_sooner_than(first)), None)
    if sooner is None:
        return candidates, None
    deferred = CandidateFailure(first, EngineStarting(f"{first.engine.name} still starts."))
    return [sooner, *(it for it in candidates if it is not sooner)], deferred


def _too_slow(fastest: Candidate, within: float) -> TooSlow:
    return TooSlow(
        f"No engine is expected to be done within {within:g} seconds; "
        f"the fastest of now, {fastest.engine.name}, takes up to {fastest.expected_seconds}.",
        fastest.expected_seconds,
    )


def _soonest(unavailable: list[CandidateFailure]) -> WorkerError:
    """Return the error of the engine that can be asked again soonest, with those of the others."""
    soonest = min(unavailable, key=lambda it: math.inf if it.error.retry_after is None else it.error.retry_after)
    soonest.error.fallback_from = failures_but(unavailable, soonest.candidate)
    return soonest.error
