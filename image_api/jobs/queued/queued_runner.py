"""The runner of jobs by the queue: Celery workers make their pictures, and this process keeps what came of them."""

import math
import time
from collections.abc import Callable
from uuid import UUID

from image_api.dispatch.queued.queue import CeleryQueue
from image_api.generation.use_case import Generation
from image_api.jobs.database.database import Database
from image_api.jobs.job import Job
from image_api.jobs.queued.canceller import Canceller
from image_api.jobs.queued.ends import JobEnds, Listeners
from image_api.jobs.queued.job_progress import JobProgresses
from image_api.jobs.queued.news_consumer import NewsConsumer
from image_api.jobs.queued.outbox import Outbox
from image_api.jobs.queued.pictures import JobPictures
from image_api.jobs.queued.queued_rows import QueuedRows
from image_api.jobs.queued.sender import Sender
from image_api.jobs.queued.sweeper import Sweeper, SweeperLock
from image_api.jobs.runner.expectation import RecentJobs
from image_api.jobs.runner.inputs import JobImages
from image_api.jobs.runner.leases import Leases
from image_api.jobs.runner.retries import RetryPolicy
from image_api.jobs.store.identity import identity_of
from image_api.limits.budgets import Budgets
from image_api.sent_images import ImageMemory
from image_api.settings import Settings

GROUP = "api:"
"""What the name of a database's group of consumers begins with."""
LAST_SEND_SECONDS = 2.0  # for what is being sent when this process ends


class QueuedRunner:
    """Has jobs made by Celery workers. Thread-safe."""

    def __init__(
        self,
        database: Database,
        queue: CeleryQueue,
        generation: Generation,
        image_memory: ImageMemory,
        settings: Settings,
        budgets: Budgets | None = None,
        *,
        changed: Callable[[UUID], None] = lambda _: None,
        on_final: Callable[[UUID], None] = lambda _: None,
    ) -> None:
        """Call `changed` after each change of a job, and `on_final` after one became final."""
        self._queue = queue
        self._changed = changed
        leases = Leases(database)
        database_id = database.write(identity_of)
        self._recent = RecentJobs()
        self._progresses = JobProgresses(changed)
        pictures = JobPictures(queue.states, generation, JobImages(leases, image_memory), budgets)
        sender = Sender(queue.publisher, queue.names, pictures, settings.request_timeout_seconds)
        self._rows = QueuedRows(database, RetryPolicy.of(settings))
        self._canceller = Canceller(database, queue.states)
        listeners = Listeners(changed, on_final, self._recent.add, self.wake)
        ends = JobEnds(self._rows, queue.states, pictures, listeners)
        self._outbox = Outbox(self._rows, sender, ends, queue.backlog)
        self._consumer = NewsConsumer(queue.blocking, f"{GROUP}{database_id}", ends.take)
        lock = SweeperLock(queue.redis, database_id)
        self._sweeper = Sweeper(self._rows, leases, sender, ends, queue, lock)
        self._parts = (self._outbox, self._consumer, self._sweeper, self._canceller)

    @property
    def running(self) -> int:
        """Return how many jobs of the database run, as this process has last counted them."""
        return self._outbox.window.running

    def start(self) -> None:
        """Begin to send jobs, and to keep what comes of them."""
        self._queue.news.listen(self._progresses.listen)
        for part in self._parts:
            part.loop.start()

    def wake(self) -> None:
        """Send at once what the queue has room for."""
        self._outbox.loop.wake()

    def with_progress(self, job: Job) -> Job:
        """Return a job with the newest progress, if this process knows one."""
        return self._progresses.shown_with(job)

    def expected_seconds(self, job: Job, position: int | None) -> int | None:
        """Return in how many seconds a job should be completed; None if that is not known. It asks no database."""
        if job.status == "pending":
            return self._recent.seconds_of_pending(position, max(self.running, 1)) if position else None
        if job.is_final:
            return None
        if said := self._progresses.expected_seconds(job):
            return math.ceil(said)
        return self._recent.seconds_of_running(time.time() - job.started_at) if job.started_at else None

    def cancelled(self, job_id: UUID) -> None:
        """End a job's generation, at the engine too. Returns at once."""
        self._canceller.loop.wake()
        self._changed(job_id)
        self.wake()

    def drain(self) -> None:
        """Send no more jobs; those that were sent are not this process's. Returns at once."""
        self._outbox.loop.stop()

    def wait(self) -> None:
        """Wait until nothing is being sent."""
        if self._outbox.loop.is_stopped:
            self._outbox.loop.join(LAST_SEND_SECONDS)

    def leave(self) -> None:
        """End what keeps the rows: another process, or the next one, goes on with that. Returns at once."""
        for part in self._parts:
            part.loop.stop()

    def give_back(self) -> None:
        """Do nothing: jobs in flight are the Celery workers'."""
