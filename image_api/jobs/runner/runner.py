"""The runner: claims pending jobs, makes their pictures by the use case, and keeps what came of it."""

import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from uuid import UUID

from image_api.backoff import longer_pause
from image_api.generation.use_case import Generation
from image_api.jobs.database.database import Database
from image_api.jobs.errors import DatabaseUnavailable
from image_api.jobs.job import Job, Outcome
from image_api.jobs.runner.attempts import Attempt, InternalFault, Tools
from image_api.jobs.runner.conclusion import Retry, as_json, judge
from image_api.jobs.runner.expectation import RecentJobs
from image_api.jobs.runner.inputs import JobImages
from image_api.jobs.runner.leases import Lease, Leases
from image_api.jobs.runner.retries import RetryPolicy
from image_api.limits.budgets import Budgets
from image_api.sent_images import ImageMemory
from image_api.settings import Settings
from render_worker.serving.deadline import Deadline

JOBS_PER_WORKER = 4
POLL_SECONDS = 2.0  # for the jobs of other processes, and for those whose retry is due
RENEW_SECONDS = 5.0
FIRST_PAUSE_SECONDS = 0.5  # while the database is unavailable
MAX_PAUSE_SECONDS = 10.0
MAX_CANCELLED = 100  # jobs that are remembered as cancelled
GIVE_BACK_SECONDS = 1.5  # of the three that a process has left after its grace period

FAULT = Outcome("failed", error=as_json(InternalFault()))

log = logging.getLogger(__name__)


class Runner:
    """Runs JOB_CONCURRENCY jobs at a time, each under a lease that it renews. Thread-safe."""

    def __init__(
        self,
        database: Database,
        generation: Generation,
        image_memory: ImageMemory,
        settings: Settings,
        budgets: Budgets | None = None,
        *,
        changed: Callable[[UUID], None] = lambda _: None,
        on_final: Callable[[UUID], None] = lambda _: None,
    ) -> None:
        """Call `changed` after each change of a job, and `on_final` after one became final."""
        self.concurrency = settings.job_concurrency or _default_concurrency(settings)
        self._leases = Leases(database)
        self._recent = RecentJobs()
        self._policy = RetryPolicy.of(settings)
        pictures = threading.Semaphore(self.concurrency)
        self._tools = Tools(self._leases, generation, JobImages(self._leases, image_memory), pictures, budgets)
        self._grace_seconds = settings.graceful_timeout_seconds
        self._changed = changed
        self._on_final = on_final
        self._attempts: dict[Lease, Attempt] = {}
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._idle = threading.Condition(self._lock)
        self._grace: Deadline | None = None
        self._giving: threading.Thread | None = None
        self._cancelled: deque[UUID] = deque(maxlen=MAX_CANCELLED)

    @property
    def running(self) -> int:
        """Return how many jobs run in this process."""
        return len(self._attempts)

    def start(self) -> None:
        """Begin to claim jobs."""
        threading.Thread(target=self._run, name="jobs", daemon=True).start()

    def wake(self) -> None:
        """Claim at once: a job was submitted."""
        self._wake.set()

    def with_progress(self, job: Job) -> Job:
        """Return a job with the newest progress, if it runs in this process."""
        attempt = None if job.is_final else self._attempts.get(Lease.of(job))
        return replace(job, progress=attempt.progress) if attempt and attempt.progress else job

    def expected_seconds(self, job: Job, position: int | None) -> int | None:
        """Return in how many seconds a job should be completed; None if that is not known. It asks no database."""
        if job.status == "pending":
            return self._recent.seconds_of_pending(position, self.concurrency) if position else None
        if attempt := self._attempts.get(Lease.of(job)):
            said = attempt.expected_seconds
            return math.ceil(said) if said else self._recent.seconds_of_running(attempt.elapsed)
        said = (job.progress or {}).get("expected_seconds") if job.pictures == 1 else None
        return said and int(said)

    def cancelled(self, job_id: UUID) -> None:
        """End a job's generation, at the engine too, if it runs in this process."""
        with self._lock:
            self._cancelled.append(job_id)  # it may have been claimed, and not begun
            attempts = [attempt for attempt in self._attempts.values() if attempt.job.id == job_id]
        for attempt in attempts:
            attempt.cancel()
        self._changed(job_id)

    def drain(self) -> None:
        """Claim no more jobs; those in flight may end within GRACEFUL_TIMEOUT_SECONDS. Returns at once."""
        self._grace = self._grace or Deadline.after(self._grace_seconds)
        self.wake()

    def wait(self) -> None:
        """Wait until no job is in flight, up to the end of the grace period; not at all without `drain` before."""
        with self._idle:
            self._idle.wait_for(lambda: not self._attempts, self._grace.remaining if self._grace else 0)

    def leave(self) -> None:
        """Claim no more jobs, and stop waiting for those in flight: what becomes of them is no failure of theirs."""
        self.drain()
        for attempt in self._all():
            attempt.leave("stopped")

    def give_back(self) -> None:
        """Give the jobs back that are still in flight, so that another process runs them at once."""
        with self._lock:
            if self._giving is None:
                # In a thread of its own: the process must end in time, also if the database does not answer.
                left = list(self._attempts)
                self._giving = threading.Thread(target=self._give_back, args=(left,), name="jobs-back", daemon=True)
                self._giving.start()
        self._giving.join(GIVE_BACK_SECONDS)

    def _all(self) -> list[Attempt]:
        with self._lock:
            return list(self._attempts.values())

    def _run(self) -> None:
        """Renew the leases and claim jobs, until this process ends."""
        pause = 0.0
        is_first = True
        renewal = Deadline.after(RENEW_SECONDS)
        while not (self._grace and not self._attempts):  # while it drains, leases are to be renewed
            try:
                if is_first:  # DISPATCH was celery before, and nothing else ends what its workers made
                    self._leases.adopt()
                    is_first = False
                if renewal.expired:
                    renewal = Deadline.after(RENEW_SECONDS)
                    self._renew()
                self._claim()
                pause = 0.0
            except DatabaseUnavailable:  # which the database's own log tells of, once
                pause = longer_pause(pause, FIRST_PAUSE_SECONDS, MAX_PAUSE_SECONDS)
            except Exception:  # a bug must not end the loop: leases would run out, and no job would begin
                pause = longer_pause(pause, FIRST_PAUSE_SECONDS, MAX_PAUSE_SECONDS)
                log.exception("the runner of jobs failed by its own fault")
            self._wake.wait(pause or min(POLL_SECONDS, max(0.0, renewal.remaining)))
            self._wake.clear()

    def _renew(self) -> None:
        with self._lock:
            running = dict(self._attempts)
        if not running:
            return
        lost = self._leases.renew({lease: attempt.progress for lease, attempt in running.items()})
        for lease in lost.canceled:
            running[lease].cancel()
        for lease in lost.taken:
            running[lease].leave("taken")

    def _claim(self) -> None:
        """Begin as many of the jobs that are due as there is room for."""
        room = self.concurrency - self.running
        if self._grace or room <= 0 or not self._leases.is_due():
            return
        for job in self._leases.claim(room, {attempt.lease for attempt in self._all()}):
            attempt = Attempt(job, self._tools, lambda job_id=job.id: self._changed(job_id))  # type: ignore[misc]
            self._begin(attempt)

    def _begin(self, attempt: Attempt) -> None:
        with self._lock:
            self._attempts[attempt.lease] = attempt
            is_cancelled = attempt.job.id in self._cancelled
        if is_cancelled:
            attempt.cancel()
        try:
            threading.Thread(target=self._attempt, args=(attempt,), name="job", daemon=True).start()
        except RuntimeError:  # the system has no more threads: the job is claimed again when its lease has lapsed
            with self._lock:
                del self._attempts[attempt.lease]
            raise

    def _attempt(self, attempt: Attempt) -> None:
        """Run an attempt, and have the database take what came of it."""
        job_id = attempt.job.id
        try:
            self._changed(job_id)
            attempt.run()
            self._settle(attempt)
        finally:
            with self._idle:
                del self._attempts[attempt.lease]
                self._idle.notify_all()
            self._changed(job_id)
            self.wake()

    def _settle(self, attempt: Attempt) -> None:
        came_to: Outcome | Retry | None = None
        if attempt.is_complete or not attempt.end:
            came_to = judge(attempt.job, attempt.images, attempt.errors, self._policy)
        pause = 0.0
        while True:
            try:
                return self._settle_once(attempt, came_to)
            except DatabaseUnavailable:
                pause = longer_pause(pause, FIRST_PAUSE_SECONDS, MAX_PAUSE_SECONDS)
                time.sleep(pause)
            except Exception:  # the job is to end, and this process to go on with others
                if came_to == FAULT:
                    raise
                log.exception("job %s: what came of it cannot be kept", attempt.job.id)
                came_to = FAULT

    def _settle_once(self, attempt: Attempt, came_to: Outcome | Retry | None) -> None:
        if isinstance(came_to, Outcome):
            if self._leases.finish(attempt.lease, came_to):
                self._on_final(attempt.job.id)
                if came_to.status == "completed":
                    self._recent.add(attempt.elapsed)
        elif came_to:
            self._leases.retry(attempt.lease, came_to)
        elif attempt.end == "stopped":
            self.drain()  # what is claimed now would end in the same way
            self._leases.give_back([attempt.lease])

    def _give_back(self, left: list[Lease]) -> None:
        if not left:
            return
        try:
            self._leases.give_back(left)
            log.info("%d jobs in flight went back into the queue", len(left))
        except DatabaseUnavailable as error:
            log.warning("%d jobs begin again when their leases have lapsed: %s", len(left), error)


def _default_concurrency(settings: Settings) -> int:
    """Return four for each render worker, and half of the slots at most: jobs shall not hold all of other requests."""
    by_workers = JOBS_PER_WORKER * max(1, len(settings.worker_urls))
    return max(1, min(by_workers, settings.max_generations // 2))
