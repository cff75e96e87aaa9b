"""Selection: one request's candidates in order, and what keeps others from answering."""

import math
import time
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from render_worker.budgets.expense import Expense
from render_worker.contract import AUTO, GenerateRequest, PassedOver, Preference, Recipe
from render_worker.engines.base import Engine
from render_worker.engines.capabilities import SIZE_PARAMETERS
from render_worker.errors import InvalidParameter, QueueFull, WorkerError


@dataclass(frozen=True)
class Candidate:
    """An engine that may make the picture."""

    engine: Engine
    left_out: list[str]
    """Parameters of the recipe that the engine cannot honour."""
    missed: list[str]
    """Those of them that are more than a wish, as the client named them."""
    preference: int
    """Its position in the order of preference, from 0."""
    making_seconds: float
    """The engine's p90, or a rough idea of it before the first picture."""
    waiting_seconds: float
    """Until it is likely to have a free slot."""
    starting_seconds: float = 0.0
    """Until what it needs is likely to have started, as a browser; 0 if it has."""
    price: float | None = None
    """US dollars that the picture costs at most; None if that is not known."""
    prefer: Preference | None = None
    """What the request wants most of an engine."""

    @property
    def rank(self) -> tuple[bool, float, int]:
        """Return the sort key: those not degraded first, then as the request prefers, then in the order of ENGINES."""
        return bool(self.missed), self._disfavour, self.preference

    @property
    def _disfavour(self) -> float:
        """Return how little it is what the request prefers; among the free and the unpriced the latter come last."""
        if self.prefer == "fast":
            return self.expected_seconds
        if self.prefer == "free":
            return math.inf if self.price is None else self.price
        return -self.engine.quality_of(AUTO) if self.prefer == "quality" else 0

    @property
    def slot_seconds(self) -> float:
        """Return the seconds from its slot to its picture."""
        return self.starting_seconds + self.making_seconds

    @property
    def expected_seconds(self) -> int:
        """Return the seconds until the picture is there, waiting included."""
        return math.ceil(self.waiting_seconds + self.slot_seconds)

    def is_sooner_than(self, other: "Candidate") -> bool:
        """Return whether its picture is expected before that of one which still starts, at no price and no loss."""
        is_equal = self.price == 0 and bool(self.missed) == bool(other.missed)
        return is_equal and not self.starting_seconds and self.expected_seconds < other.expected_seconds

    def recipe(self, request: Recipe) -> Recipe:
        """Return the request without what is left out."""
        return without(request, self.left_out)


def without(request: Recipe, left_out: Iterable[str]) -> Recipe:
    """Return the request with the defaults of the parameters that are left out."""
    return request.model_copy(update={name: Recipe.model_fields[name].default for name in left_out})


def ignored_names(request: GenerateRequest, left_out: Iterable[str]) -> list[str]:
    """Return the parameters of those left out that the client asked for, as it named them."""
    names = set(left_out) - ({"negative_prompt"} if request.negative_prompt_optional else set())
    sizes = request.size_names if names.intersection(SIZE_PARAMETERS) else []
    return sizes + sorted(names.difference(SIZE_PARAMETERS))


def missed_names(request: GenerateRequest, left_out: Iterable[str]) -> list[str]:
    """Return those of the ignored parameters that the client would not do without if another engine honours them."""
    return [name for name in ignored_names(request, left_out) if not (request.size_optional and name == "size")]


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
        self,
        request: GenerateRequest,
        candidates: Sequence[Candidate],
        unavailable: Iterable[CandidateFailure] = (),
        expense: Expense | None = None,
        deferred: CandidateFailure | None = None,
    ) -> None:
        """Select `candidates`, of which there is at least one; `unavailable` cannot be attempted now.

        `deferred`: the one of the candidates that ranks first, and is not attempted first, and why.
        """
        self.request = request
        self.expense = expense or Expense(request.max_price)
        """What the attempts may have been billed."""
        self.started = time.monotonic()
        self._remaining = deque(candidates)
        self._unavailable = tuple(unavailable)
        self._deferred = deferred
        self._failed: list[CandidateFailure] = []
        self.is_single = len(candidates) == 1 and not self._unavailable
        """Whether no other engine comes into question at all."""

    def next_candidate(self) -> Candidate | None:
        """Return the candidate to attempt next; None if the selection is over."""
        if self.is_final or not self._remaining:
            return None
        candidate = self._remaining.popleft()
        if self._deferred and candidate is self._deferred.candidate:
            self._deferred = None
        return candidate

    @property
    def is_final(self) -> bool:
        """Return whether an error was met for which no other engine may be asked."""
        return any(_is_final(failure.error) for failure in self._failed)

    def record_failure(self, candidate: Candidate, error: WorkerError) -> None:
        """Record that the attempt of a candidate failed."""
        self._failed.append(CandidateFailure(candidate, error))

    @property
    def remaining(self) -> tuple[Candidate, ...]:
        """Return the candidates that have not been attempted."""
        return tuple(self._remaining)

    @property
    def last_failure(self) -> CandidateFailure | None:
        """Return why the candidate before is not asked: it failed, or is deferred; None if there is none."""
        return self._failed[-1] if self._failed else self._deferred

    @property
    def is_admitted(self) -> bool:
        """Return whether the engine that was attempted last had admitted the request, and did not evict it."""
        return bool(self._failed) and not isinstance(self._failed[-1].error, QueueFull)

    def passed_over(self, candidate: Candidate) -> list[PassedOver] | None:
        """Return the failures of candidates that rank before this one; None if there are none."""
        return _passed_over(it for it in self._failures if it.candidate.rank < candidate.rank)

    def error(self) -> WorkerError:
        """Return the last failure that is no InvalidParameter, else the last, with the others in `fallback_from`.

        That a single engine cannot read the request must not hide that another one is down. A final one, after which
        only an attempt beside it can have failed, comes first.
        """
        final = [failure for failure in self._failed if _is_final(failure.error)]
        lasting = [failure for failure in self._failed if not isinstance(failure.error, InvalidParameter)]
        last = (final or lasting or self._failed)[-1]
        candidate, error = last.candidate, last.error
        error.fallback_from = (
            self.passed_over(candidate) if _is_final(error) else failures_but(self._failures, candidate)
        )
        return error

    @property
    def _failures(self) -> list[CandidateFailure]:
        deferred = [self._deferred] if self._deferred else []
        return [*self._unavailable, *deferred, *self._failed]


def _is_final(error: WorkerError) -> bool:
    return error.forbids_fallback


def _passed_over(failures: Iterable[CandidateFailure]) -> list[PassedOver] | None:
    """Return the failures as they travel, by rank; None if there are none."""
    by_rank = sorted(failures, key=lambda it: it.candidate.rank)
    return [PassedOver(engine=it.candidate.engine.name, code=it.error.code) for it in by_rank] or None


def failures_but(failures: Iterable[CandidateFailure], candidate: Candidate) -> list[PassedOver] | None:
    """Return the failures of all candidates but this one; None if there are none."""
    return _passed_over(it for it in failures if it.candidate is not candidate)
