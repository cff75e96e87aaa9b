"""One of several render workers: whether it can be asked, and how busy it is (weighted least connections).

Its load is what it says of its queue, read in the background while this process has requests there, and what this
process has in flight there since.
"""

import contextlib
import threading
from collections.abc import Iterator
from concurrent.futures import Future, wait

from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from image_api.dispatch.cold_start import Probes
from image_api.dispatch.direct import DirectDispatch
from image_api.dispatch.pool.worker_load import WorkerLoad
from image_api.dispatch.worker_client import WorkerClient
from image_api.errors import ApiError, DeadlinePassed
from image_api.outbound.abort import Abort
from render_worker.contract import ModelList, WorkerHealth
from render_worker.serving.deadline import Deadline

LOOK_SECONDS = 2.0  # between two looks at a worker that has work
LOOK_TIMEOUT_SECONDS = 5.0
LOADING_SECONDS = 5.0  # after which a worker that was still loading may be asked again; it takes a few
MAX_MISSES = 2  # looks without an answer, after which the requests there go elsewhere
ANSWER_SECONDS = 5.0  # in which a worker whose connection broke answers a probe if it lives
DEMOTION_SECONDS = 2.0  # after one failure, twice as long after two and so on
MAX_DEMOTION_SECONDS = 30.0
MAX_SLOTS = 10_000  # a larger number is none that a worker has
READY = ("ready", "starting")  # of an engine


class PooledWorker:
    """A render worker with its load. Thread-safe; no lock is held over I/O."""

    def __init__(self, client: WorkerClient, stopped: "Future[None]") -> None:
        self.client = client
        self.dispatch = DirectDispatch(client)
        self.load = WorkerLoad()
        self.is_silent = False
        """Whether it holds connections without an answer."""
        self._stopped = stopped
        self._lock = threading.Lock()
        self._attempts: list[Abort] = []
        self._watched = self._used = False
        self._failures = 0
        self._demoted = self._expected = Deadline.after(0)

    @property
    def is_up(self) -> bool:
        """Return whether it surely answers: it did a short time ago."""
        recent = self.client.recent
        return recent.is_awake or bool(self.load.in_flight and recent.reached)

    @property
    def is_lost(self) -> bool:
        """Return whether it did not answer when it was asked last."""
        return self.client.recent.is_lost

    @property
    def is_waking(self) -> bool:
        """Return whether it was asleep, and may be expected to be up in a while."""
        return self.client.cold_start.in_progress and not self._expected.expired

    @property
    def is_asleep(self) -> bool:
        """Return whether nothing is known of it, or nothing was heard for minutes, and it is not being woken."""
        return not (self.is_up or self.is_lost or self.client.cold_start.in_progress)

    @property
    def has_failed(self) -> bool:
        """Return whether a cold start of it has failed a short time ago, and no other has begun."""
        return self.client.cold_start.is_paused and not self.client.cold_start.in_progress

    @property
    def is_held(self) -> bool:
        """Return whether it is being woken, and the first probe goes on: a platform's edge may hold it."""
        probes = self.client.cold_start.latest
        return self.is_waking and probes is not None and not probes.tried.done()

    @property
    def pressure(self) -> float:
        """Return how busy it would be with one request more."""
        return self.load.pressure(self._slots)

    @property
    def is_full(self) -> bool:
        """Return whether the next request would have to wait there, or be refused."""
        return self.load.is_full(self._slots)

    @property
    def _slots(self) -> int | None:
        health = self.client.recent.last(WorkerHealth)
        return min(MAX_SLOTS, max(1, health.queue.max_concurrency)) if health else None

    @property
    def known_models(self) -> ModelList | None:
        """Return its models by its last word; None if it was not heard of, or is lost."""
        return None if self.is_lost else self.client.recent.last(ModelList)

    def may_have(self, model: str) -> bool:
        """Return whether it has a model, as far as its last word is known."""
        known = self.client.recent.last(ModelList)
        return model == "auto" or known is None or any(it.name == model for it in known.models)

    def has_loaded(self, model: str) -> bool:
        """Return whether it said last that it has the weights of a model in memory."""
        known = self.client.recent.last(ModelList)
        return known is not None and any(it.name == model and it.loaded for it in known.models)

    def is_fit(self, model: str) -> bool:
        """Return whether it would try to make a picture of a model: nothing it said or did speaks against that."""
        if not self._demoted.expired:
            return False
        health = self.client.recent.reply(WorkerHealth)
        if health is None:
            return True
        if not health.engines:  # it is loading; an idle worker is not looked at again
            return self.client.recent.age(WorkerHealth) > LOADING_SECONDS
        engine = health.engines.get(self._engine_of(model) or "")
        return engine.state in READY if engine else health.ready

    def _engine_of(self, model: str) -> str | None:
        known = self.client.recent.last(ModelList)
        return next((it.engine for it in known.models if it.name == model), None) if known else None

    def wake(self) -> Probes:
        """Start it in the background, and return the probes that show whether it is up."""
        cold_start = self.client.cold_start
        if not (self.is_lost or cold_start.in_progress):
            self._expected = Deadline.after(cold_start.expected_seconds)
        return cold_start.probes()

    def retry(self) -> None:
        """Probe it in the background if it is lost: once for all requests, and after a pause if that failed before."""
        if self.is_lost and not (self.client.cold_start.in_progress or self.has_failed):
            self.client.cold_start.probes()

    def answers(self, abort: Abort) -> bool:
        """Return whether it lives, after a connection to it broke: by one probe for all requests there."""
        if self.is_silent:
            return False
        probes = self.client.cold_start.probes()
        abort.wait(probes.tried, ANSWER_SECONDS - probes.age)
        return probes.up.done() and probes.up.exception() is None

    def note_success(self) -> None:
        """Take note of a picture that it made."""
        self._failures = 0
        self._demoted = Deadline.after(0)

    def note_failure(self) -> None:
        """Demote it for a while: one that fails at once is never busy, and would attract all requests."""
        self._failures += 1
        self._demoted = Deadline.after(min(MAX_DEMOTION_SECONDS, DEMOTION_SECONDS * self._failures))

    @contextlib.contextmanager
    def holding(self, abort: Abort) -> Iterator[None]:
        """Watch it during a request, which `load` has counted, and whose connection is closed if it falls silent."""
        with self._lock:
            self._attempts.append(abort)
            self._used = True
            starts, self._watched = not self._watched, True
        try:
            if starts:
                self._start_watch()
            yield
        finally:
            with self._lock:
                self._attempts.remove(abort)
            self.load.release()

    def _start_watch(self) -> None:
        try:
            threading.Thread(target=self._watch, name="worker-watch", daemon=True).start()
        except RuntimeError:  # the system has no more threads
            self._watched = False

    def _watch(self) -> None:
        """Look at it again and again, until it had no request of this process between two looks."""
        misses = 0
        while True:
            self.is_silent = not self._look()
            misses = misses + 1 if self.is_silent else 0
            if misses:
                self.client.mark_lost()
            if misses >= MAX_MISSES:
                self._disconnect()
            wait([self._stopped], LOOK_SECONDS)
            with self._lock:
                if self._stopped.done() or not (self._used or self._attempts):
                    self._watched = False
                    return
                self._used = bool(self._attempts)

    def _look(self) -> bool:
        """Read its health for the load. Returns False if it holds the connection without an answer."""
        ours = self.load.in_flight
        try:
            self.load.note(self.client.look(LOOK_TIMEOUT_SECONDS), ours)
        except DeadlinePassed:
            return False
        except ApiError as error:
            return not _is_connect_timeout(error.__cause__)
        if self.client.recent.reply(ModelList) is None:
            self.client.model_names()
        return True

    def _disconnect(self) -> None:
        with self._lock:
            attempts = list(self._attempts)
        for abort in attempts:
            abort.disconnect()


def _is_connect_timeout(error: BaseException | None) -> bool:
    return isinstance(error, ConnectTimeoutError) and not isinstance(error, NewConnectionError)
