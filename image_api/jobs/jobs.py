"""Jobs, as the routes use them. The database and its library are loaded once a job was ever asked for."""

import logging
from importlib import import_module
from typing import TYPE_CHECKING
from uuid import UUID

from image_api.database_url import engine_url, sqlite_file
from image_api.generation.use_case import Generation
from image_api.jobs.database.database_health import DatabaseHealth
from image_api.jobs.delivery import Delivery
from image_api.jobs.job import Job, NewJob, Queue, Selection
from image_api.jobs.loading import Loading
from image_api.jobs.updates.job_watch import JobWatch
from image_api.jobs.webhooks.urls import WebhookURLs
from image_api.limits.budgets import Budgets
from image_api.limits.payers import JobCharge
from image_api.native_thread import NativeThread
from image_api.sent_images import ImageMemory
from image_api.settings import Settings

if TYPE_CHECKING:
    from image_api.dispatch.queued.queue import CeleryQueue
    from image_api.jobs.service import JobService

CLOSE_SECONDS = 0.5  # of the three that a process has left after its grace period; giving back takes up to 1.5

log = logging.getLogger(__name__)


class Jobs:
    """The jobs of this service. Thread-safe. All that is about single jobs raises DatabaseUnavailable if need be."""

    def __init__(
        self,
        settings: Settings,
        generation: Generation,
        image_memory: ImageMemory,
        queue: "CeleryQueue | None" = None,
        budgets: Budgets | None = None,
    ) -> None:
        """Have jobs made by Celery workers if there is a `queue`, else by the dispatch of the generation.

        `budgets` are those of the keys that submit them.
        """
        self._budgets = budgets
        self._settings = settings
        self._queue = queue
        self._generation = generation
        self._image_memory = image_memory
        self._loading = Loading(self._build)
        self._draining = False
        self.webhook_urls = WebhookURLs(settings)
        self.database = DatabaseHealth(self.queue, lambda: self._service().try_write(), lambda: self.in_use)
        """Whether jobs can be accepted."""

    def start(self) -> None:
        """Go on with the jobs that there are, in the background, if their database exists."""
        if self.exist:
            self._loading.begin()

    @property
    def exist(self) -> bool:
        """Return whether there is a database of jobs."""
        file = sqlite_file(engine_url(self._settings.database_url))
        try:
            return file is None or file.exists()
        except OSError:  # its folder is closed to this process: what asks for a job hears of it
            return False

    @property
    def in_use(self) -> bool:
        """Return whether a job was ever asked for, as far as this process knows."""
        return self._loading.is_begun or self.exist

    @property
    def running(self) -> int:
        """Return how many jobs run in this process."""
        service = self._loading.loaded
        return service.runner.running if service else 0

    def submit(self, new: NewJob, charge: JobCharge | None = None) -> tuple[Job, bool]:
        """Return a new job and True, or the one that its idempotency key made before, and False.

        A new one has been charged for by `charge`, which is corrected once it is final.
        """
        return self._service().submit(new, charge)

    def made_before(self, new: NewJob) -> Job | None:
        """Return the job that the idempotency key of a new one has made already; None if there is none.

        Raises KeyReused if that came with another request.
        """
        return self._service().made_before(new) if new.idempotency_key else None

    def get(self, job_id: UUID) -> Job:
        """Return a job, with the newest progress. Raises JobNotFound if there is none with this id."""
        return self._service().get(job_id)

    def watch(self, job_id: UUID) -> JobWatch:
        """Return a watch of a job, whose first `next` returns its state at once. Raises JobNotFound, and Stopping."""
        return self._service().watch(job_id)

    def page(self, which: Selection) -> list[Job]:
        """Return an owner's jobs, the newest first."""
        return self._service().page(which)

    def position(self, job: Job) -> int | None:
        """Return the place of a pending job in the queue, from 1 on; None if it has begun."""
        return self._service().position(job)

    def cancel(self, job_id: UUID) -> Job:
        """Cancel a job, at the engine too, and return it. Raises JobNotFound, and JobOver if it has ended."""
        return self._service().cancel(job_id)

    def expected_seconds(self, job: Job, position: int | None) -> int | None:
        """Return in how many seconds a job should be completed; None if that is not known. It asks no database."""
        service = self._loading.loaded
        return service.runner.expected_seconds(job, position) if service else None

    def queue(self) -> Queue:
        """Return how many jobs are pending, and since when the oldest is."""
        return self._service().queue()

    def deliveries(self, job_id: UUID) -> list[Delivery]:
        """Return the deliveries of a job's webhooks. Raises JobNotFound if there is no such job."""
        return self._service().deliveries_of(job_id)

    def drain(self) -> None:
        """Begin no more jobs: this service is being stopped. Returns at once."""
        self._draining = True  # it may be loaded only now
        self._loading.end()
        if service := self._loading.loaded:
            service.drain()

    def wait(self) -> None:
        """Wait until no job is in flight, up to the end of the grace period that `drain` began."""
        if service := self._loading.loaded:
            service.runner.wait()

    def leave(self) -> None:
        """Stop waiting for the jobs in flight: what becomes of them from here on is no failure of theirs."""
        if service := self._loading.loaded:
            service.leave()

    def give_back(self) -> None:
        """Let the jobs go back into the queue that were left; it takes few seconds at most."""
        if service := self._loading.loaded:
            service.runner.give_back()

    def close(self) -> None:
        """Close the connections to the database: jobs cannot be used any more. It takes CLOSE_SECONDS at most."""
        if service := self._loading.loaded:
            service.close(CLOSE_SECONDS)

    def _service(self) -> "JobService":
        return self._loading.get()

    def _build(self) -> "JobService":
        # A quarter of a second of CPU, at a full core: in gevent's hub it would delay all clients.
        NativeThread().call(import_module, "image_api.jobs.service")
        from image_api.jobs.service import JobService

        service = JobService.build(self._settings, self._generation, self._image_memory, self._queue, self._budgets)
        if not self._draining:
            service.start()
        return service
