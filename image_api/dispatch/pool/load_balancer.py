"""Load balancing: which of several render workers makes a picture, and which are woken for it.

The least busy of those that are up. One that sleeps is woken when these are full. One that is lost is left out, and
probed in the background until it answers.
"""

import contextlib
import itertools
import threading
from collections.abc import Iterable
from concurrent.futures import Future, InvalidStateError
from dataclasses import dataclass, field

from image_api.dispatch.base import ReportProgress
from image_api.dispatch.cold_start import QUIET_SECONDS, Probes, WorkerStarting, waking
from image_api.dispatch.pool.pooled_worker import PooledWorker
from image_api.errors import ApiError, DeadlinePassed, Relayed, WorkerUnavailable
from image_api.outbound.abort import Abort
from render_worker.contract import ModelList
from render_worker.serving.deadline import Deadline

BRIEF_SECONDS = 1.0  # in which a worker that is up already answers a probe
HELD_SECONDS = 5.0  # after which another is woken beside one that holds its first probe
SLICE_SECONDS = 1.0  # after which those that were full are looked at again, while others are woken
BUSY = "worker_busy"


@dataclass
class Search:
    """One request's search for a worker, and the errors of those that refused it."""

    model: str
    deadline: Deadline
    report: ReportProgress
    abort: Abort
    preferred: PooledWorker | None = None
    """The worker that has the request already."""
    refused: dict[PooledWorker, ApiError] = field(default_factory=dict)
    budget: Deadline | None = None
    """Of waiting for cold starts, from the first wait on."""
    told: bool = False
    """Whether its client knows that it waits for a cold start."""

    def forgive(self) -> None:
        """Forget the refusals of workers that may have room again, or that broke connections."""
        for worker, error in list(self.refused.items()):
            if isinstance(error, WorkerStarting) or (is_busy(error) and not worker.is_full):
                del self.refused[worker]


def is_busy(error: ApiError) -> bool:
    """Return whether a worker refused a request because it is full."""
    return isinstance(error, Relayed) and error.body().code == BUSY


class LoadBalancer:
    """Chooses a worker for each request. Thread-safe; no lock is held over I/O."""

    def __init__(self, workers: tuple[PooledWorker, ...], wake_seconds: float) -> None:
        self._workers = workers
        self._wake_seconds = wake_seconds
        self._turns = itertools.count(1)
        self._last_turn = dict.fromkeys(workers, 0)
        self._lock = threading.Lock()

    def reserve(self, search: Search) -> PooledWorker | None:
        """Return the worker that is asked next, the request counted in its load; None if all have refused it.

        Raises WorkerUnavailable if none came up in time, DeadlinePassed, and ServiceBusy if the request is cancelled.
        """
        while True:
            search.abort.check()
            if search.preferred and search.preferred not in search.refused and search.preferred.is_up:
                return self._take([search.preferred], search)
            if search.deadline.expired:
                raise DeadlinePassed("No render worker had room for this request in time.")
            live = self._candidates(search)
            up = _fittest([worker for worker in live if worker.is_up], search.model)
            if chosen := self._take([worker for worker in up if not worker.is_full], search):
                return chosen
            if up:
                if not self._wake_another(live, search):
                    return self._take(up, search)
            elif not self._await_cold_start(live, search):
                return None

    def _candidates(self, search: Search) -> list[PooledWorker]:
        """Return the workers that may have the model and have not refused the request; lost ones are probed."""
        for worker in self._workers:
            worker.retry()
            if search.model != "auto" and worker.is_up and worker.client.recent.last(ModelList) is None:
                worker.client.model_names()
        having = [worker for worker in self._workers if worker.may_have(search.model)]
        return [worker for worker in having or self._workers if worker not in search.refused]

    def _take(self, workers: list[PooledWorker], search: Search) -> PooledWorker | None:
        """Count a request at the least busy of these and return it.

        Of equally busy ones it is one that need not load the model first, and then the one longest not chosen.
        """

        def rank(it: PooledWorker) -> tuple[float, bool, int]:
            return it.pressure, not it.has_loaded(search.model), self._last_turn[it]

        with self._lock:
            chosen = min(workers, key=rank, default=None)
            if chosen:
                chosen.load.reserve()
                self._last_turn[chosen] = next(self._turns)
            return chosen

    def _wake_another(self, live: list[PooledWorker], search: Search) -> bool:
        """Wake one that sleeps, as all that are up are full. Returns whether one is up at once."""
        for worker in live:
            if worker.is_asleep or worker.is_held:
                tried = _tried(worker.wake(), BRIEF_SECONDS, search.abort)
                if worker.is_up or not tried:
                    return worker.is_up
        return False

    def _await_cold_start(self, live: list[PooledWorker], search: Search) -> bool:
        """Wait a while for one that is being woken. Returns False if there is none that is worth it.

        Raises WorkerUnavailable when the budget of the cold start is over.
        """
        hopeful = [worker for worker in live if worker.is_asleep or worker.is_waking]
        if not hopeful:
            others_answer = any(worker.is_up for worker in self._workers)
            broken = any(isinstance(error, WorkerStarting) for error in search.refused.values())
            if others_answer and not broken:
                return False
            hopeful = live
        search.budget = search.budget or search.deadline.earlier(Deadline.after(self._wake_seconds))
        try:
            self._wait_for_any(hopeful, search)
        except WorkerUnavailable:
            if search.refused:
                return False
            raise
        search.forgive()
        if search.budget.expired and not any(worker.is_up for worker in self._candidates(search)):
            if search.refused:
                return False
            raise WorkerUnavailable(self._problem(live, self._wake_seconds))
        return True

    def _wait_for_any(self, workers: list[PooledWorker], search: Search) -> None:
        """Start one after the other until one is up; wait for a while if none is.

        Raises WorkerUnavailable if there is nothing to wait for: each failed for good, as if another service replied.
        """
        started = []
        for worker in [it for it in workers if not it.has_failed] or workers:
            started.append(worker.wake())
            if not _tried(started[-1], QUIET_SECONDS, search.abort):
                self._tell(search)
                _tried(started[-1], min(HELD_SECONDS, search.deadline.remaining), search.abort)
            if worker.is_up:
                return
        in_flight = [probes for probes in started if probes.in_flight]
        if started and not in_flight:
            raise WorkerUnavailable(self._problem(workers))
        if search.budget and (seconds := search.budget.at_most(SLICE_SECONDS)):
            self._tell(search)
            search.abort.wait(_first_up(in_flight), seconds)

    def _tell(self, search: Search) -> None:
        """Report the cold start, once."""
        if not search.told:
            search.told = True
            are_down = all(worker.client.recent.is_down for worker in self._workers)
            search.report(waking(None if are_down else self.expected_seconds))

    @property
    def expected_seconds(self) -> int:
        """Return in how many seconds a worker is likely to be up."""
        starts = [worker.client.cold_start for worker in self._workers]
        return min(it.expected_seconds for it in [it for it in starts if it.in_progress] or starts)

    def _problem(self, workers: Iterable[PooledWorker], waited: float = 0) -> str:
        lost = (worker for worker in (*workers, *self._workers) if worker.is_lost)
        return next((worker.client.cold_start.problem(waited) for worker in lost), "No render worker answers.")

    def unreachable(self, search: Search) -> WorkerUnavailable | None:
        """Return the error of a worker that may have the model, if one is lost."""
        lost = [worker for worker in self._candidates(search) if worker.is_lost]
        return WorkerUnavailable(self._problem(lost)) if lost else None


def _fittest(up: list[PooledWorker], model: str) -> list[PooledWorker]:
    """Return those that would try to make a picture; all if none would, as the error says more."""
    return [worker for worker in up if worker.is_fit(model)] or up


def _tried(probes: Probes, seconds: float, abort: Abort) -> bool:
    """Wait until the first probe has ended, until the probes are `seconds` old. Returns whether it has."""
    abort.wait(probes.tried, seconds - probes.age)
    return probes.tried.done()


def _first_up(started: list[Probes]) -> "Future[None]":
    """Return what is done as soon as one of these cold starts has ended."""
    first: Future[None] = Future()

    def note(_: object) -> None:
        with contextlib.suppress(InvalidStateError):
            first.set_result(None)

    for probes in started:
        probes.up.add_done_callback(note)
    return first
