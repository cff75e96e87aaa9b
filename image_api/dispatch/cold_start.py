"""The cold start of a render worker: one shared series of probes, and retries of what waits for it.

A free plan stops a worker that has no requests for a while, and starts it at the next one. Until it is up its address
refuses connections, holds them, or replies with pages of the platform's own; with too many requests it even stays down.
"""

import contextlib
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from typing import TypeVar

from image_api.backoff import longer_pause
from image_api.dispatch.base import ReportProgress
from image_api.errors import DeadlinePassed, WorkerUnavailable
from image_api.outbound.abort import Abort
from render_worker.contract import Progress, WorkerHealth
from render_worker.serving.deadline import Deadline

TYPICAL_SECONDS = 60.0  # "about one minute" (render.com/docs/free), until a cold start has been measured
UP_SECONDS = 2.0  # a worker that replies within this was up already
QUIET_SECONDS = 0.3  # before a cold start is told: /wake also probes a worker that is up, which replies within this
HOLD_SECONDS = 60.0  # an edge may hold a probe until the worker is up
MIN_PROBE_SECONDS = 1.0
FIRST_PAUSE_SECONDS = 1.0
MAX_PAUSE_SECONDS = 10.0
HEALTH_TTL_SECONDS = 3.0  # of the health that ended a cold start
FAILED_START_TTL_SECONDS = 30.0  # the same as the Retry-After of its error

log = logging.getLogger(__name__)
T = TypeVar("T")


class WorkerStarting(WorkerUnavailable):
    """Raised if no worker replied, or only an edge before it: the worker may be in a cold start."""

    def __init__(self, sentence: str, pause: float = 0.0, *, sent: bool = True, cost: float | None = None) -> None:
        super().__init__(sentence)
        self.pause = pause
        """Seconds of the edge's Retry-After."""
        self.sent = sent
        """Whether the worker may have the request: there was a connection."""
        self.cost = cost if sent else 0.0
        """What the worker may have been billed for it, in US dollars; None if that is not known."""


class Probes:
    """The probes of one cold start: whether the worker is up, and whether the first one has ended."""

    def __init__(self) -> None:
        self.up: Future[WorkerHealth] = Future()
        self.tried: Future[None] = Future()
        """Done as soon as one probe has succeeded or failed."""
        self._begun = time.monotonic()

    @property
    def age(self) -> float:
        """Return for how many seconds they have been running."""
        return time.monotonic() - self._begun

    @property
    def in_flight(self) -> bool:
        """Return whether they go on."""
        return not self.up.done()

    def note_tried(self) -> None:
        """Take note of a probe that has ended."""
        if not self.tried.done():
            self.tried.set_result(None)


class ColdStart:
    """The cold start that all clients share. Thread-safe.

    `probe` requests the worker's health once, with a timeout in seconds, and raises WorkerStarting if it is not up.
    `name` is what the log calls the worker.
    `seconds` is the retry budget of one cold start.
    `is_down` says whether the worker is known not to sleep, so that what is called a cold start here is none.
    """

    def __init__(
        self, seconds: float, probe: Callable[[float], WorkerHealth], name: str, is_down: Callable[[], bool]
    ) -> None:
        self._seconds = seconds
        self._name = name
        self._probe = probe
        self._is_down = is_down
        self._lock = threading.Lock()
        self._probes: Probes | None = None
        self._last_seconds = TYPICAL_SECONDS
        self._problem = "The render worker does not answer."
        self._failed: tuple[Deadline, str] | None = None
        self._up: tuple[Deadline, WorkerHealth] | None = None
        self._stopped: Future[None] = Future()

    @property
    def in_progress(self) -> bool:
        """Return whether the worker is being started."""
        return self._is_in_flight()

    @property
    def expected_seconds(self) -> int:
        """Return in how many seconds the worker is likely to be up; 1 if it is later than expected."""
        waited = self._probes.age if self._probes and self._probes.in_flight else 0.0
        return max(1, round(self._last_seconds - waited))

    @property
    def latest(self) -> Probes | None:
        """Return the latest probes; None before the first."""
        return self._probes

    @property
    def is_paused(self) -> bool:
        """Return whether a cold start has failed so short a time ago that the next one is to wait."""
        return self._failed is not None and not self._failed[0].expired

    def problem(self, waited: float) -> str:
        """Return why the worker is not up, as a sentence for a client that waited for so many seconds."""
        return self._failed[1] if self._failed and self.is_paused else after_retries(self._problem, waited)

    def retry(
        self,
        attempt: Callable[[], T],
        deadline: Deadline,
        report: ReportProgress = lambda _: None,
        abort: Abort | None = None,
    ) -> T:
        """Return the result of the first attempt that finds the worker up.

        Between attempts it waits for the shared cold start, and before the first one if that is in flight: until the
        deadline, and for the retry budget at most. `report` gets the expected seconds. Raises WorkerUnavailable if
        the worker does not come up, and ServiceBusy if `abort` is set meanwhile.
        """
        budget: Deadline | None = None
        abort = abort or Abort()
        if self._is_in_flight():
            budget = deadline.earlier(Deadline.after(self._seconds))
            self._wait_until_up(budget, report, abort)
        pause = 0.0
        while True:
            try:
                with abort.over_connections():
                    return attempt()
            except WorkerStarting as error:
                self._up = None
                abort.check()
                budget = budget or deadline.earlier(Deadline.after(self._seconds))
                if budget.remaining <= pause or self._is_stopped_within(pause, abort):
                    raise WorkerUnavailable(str(error)) from error
                self._wait_until_up(budget, report, abort)
                # The worker is up, but its edge may still refuse attempts.
                pause = longer_pause(pause, FIRST_PAUSE_SECONDS, MAX_PAUSE_SECONDS)

    def begin(self, seconds: float, abort: Abort) -> WorkerHealth | None:
        """Start the worker in the background. Return its health, None if it is not up within `seconds`.

        Raises WorkerUnavailable if this cold start failed, or one within FAILED_START_TTL_SECONDS, and ServiceBusy if
        `abort` is set meanwhile.
        """
        if self._failed and self.is_paused and not self._is_in_flight():
            raise WorkerUnavailable(self._failed[1])
        if (up := self._up) and not up[0].expired:
            return up[1]
        started = self.probes().up
        abort.wait(started, seconds)
        return started.result() if started.done() else None

    def probes(self) -> Probes:
        """Return the probes in flight, new ones in the background if there are none."""
        with self._lock:
            if self._probes is None or not self._probes.in_flight:
                probes = Probes()
                threading.Thread(target=self._run_probes, args=(probes,), name="cold-start", daemon=True).start()
                self._probes = probes
            return self._probes

    def stop(self) -> None:
        """End every wait and all probes: this service is being stopped."""
        with contextlib.suppress(InvalidStateError):  # it was stopped before
            self._stopped.set_result(None)

    def _is_in_flight(self) -> bool:
        return self._probes is not None and self._probes.in_flight

    def _is_stopped_within(self, seconds: float, abort: Abort) -> bool:
        abort.wait(self._stopped, seconds)
        return self._stopped.done()

    def _wait_until_up(self, budget: Deadline, report: ReportProgress, abort: Abort) -> None:
        """Wait until the worker is up. Raises WorkerUnavailable if it is not within the budget."""
        seconds = budget.remaining
        up = self.probes().up
        abort.wait(up, min(seconds, QUIET_SECONDS))
        if not up.done():
            report(waking(None if self._is_down() else self.expected_seconds))
            abort.wait(up, budget.remaining)
        if not up.done():
            raise WorkerUnavailable(after_retries(self._problem, seconds))
        up.result()

    def _run_probes(self, probes: Probes) -> None:
        try:
            health = self._probe_until_up(probes)
        except Exception as error:  # noqa: BLE001 - it is raised in the requests that wait
            log.warning("%s cold start failed: %s", self._name, error)
            self._failed = Deadline.after(FAILED_START_TTL_SECONDS), str(error)
            probes.up.set_exception(error)
            probes.note_tried()
            return
        took = probes.age
        if took > UP_SECONDS:
            log.info("%s up after a cold start of %.0f seconds", self._name, took)
            self._last_seconds = took
        self._failed = None
        self._up = Deadline.after(HEALTH_TTL_SECONDS), health
        probes.up.set_result(health)
        probes.note_tried()

    def _probe_until_up(self, probes: Probes) -> WorkerHealth:
        begun, budget = time.monotonic(), Deadline.after(self._seconds)
        pause = 0.0
        while True:
            try:
                return self._probe(max(MIN_PROBE_SECONDS, budget.at_most(HOLD_SECONDS)))
            except WorkerStarting as error:
                self._problem = str(error)
                probes.note_tried()
                if pause == 0:
                    log.info("%s unavailable, probing for up to %g seconds: %s", self._name, self._seconds, error)
                pause = longer_pause(pause, FIRST_PAUSE_SECONDS, MAX_PAUSE_SECONDS)
                if budget.expired or self._is_stopped_within(budget.at_most(max(pause, error.pause)), Abort()):
                    raise WorkerUnavailable(after_retries(self._problem, time.monotonic() - begun)) from error


def run_probe(attempt: Callable[[], T]) -> T:
    """Return the result of a request that a worker answers without work.

    Raises WorkerStarting if it times out: an edge holds it back then.
    """
    try:
        return attempt()
    except DeadlinePassed as error:
        raise WorkerStarting(str(error)) from error


def waking(expected_seconds: int | None) -> Progress:
    """Return the progress of a request that waits for a cold start; None is of a worker that is down."""
    if expected_seconds is None:
        return Progress(phase="waking", message="The render worker does not answer, and is asked again and again.")
    sentence = f"The render worker is being woken up, which is likely to take {expected_seconds} seconds."
    return Progress(phase="waking", message=sentence, expected_seconds=expected_seconds)


def after_retries(problem: str, seconds: float) -> str:
    """Return the sentence of a cold start that was waited for in vain."""
    return f"{problem} Asking again for {seconds:.0f} seconds did not help." if seconds >= 1 else problem
