"""Jobs, as the routes use them. The database and its library are loaded once a job was ever asked for."""

import logging
import threading
from functools import cached_property
from typing import TYPE_CHECKING
from uuid import UUID

from image_api.database_url import engine_url, sqlite_file
from image_api.generation.use_case import Generation
from image_api.jobs.job import Job, NewJob, Queue
from image_api.sent_images import ImageMemory
from image_api.settings import Settings

if TYPE_CHECKING:
    from image_api.jobs.service import JobService
    from image_api.jobs.store import Selection

log = logging.getLogger(__name__)


class Jobs:
    """The jobs of this service. Thread-safe. Each call but `start` and `stop` raises DatabaseUnavailable if need be."""

    def __init__(self, settings: Settings, generation: Generation, image_memory: ImageMemory) -> None:
        self._settings = settings
        self._generation = generation
        self._image_memory = image_memory
        self._lock = threading.Lock()
        self._loaded: JobService | None = None

    def start(self) -> None:
        """Go on with the jobs that there are, in the background, if their database exists."""
        if self.exist:
            threading.Thread(target=self._service, name="jobs-start", daemon=True).start()

    @cached_property
    def exist(self) -> bool:
        """Return whether there was a database of jobs when this process started."""
        file = sqlite_file(engine_url(self._settings.database_url))
        return file is None or file.exists()

    def submit(self, new: NewJob) -> tuple[Job, bool]:
        """Return a new job and True, or the one that its idempotency key made before, and False."""
        return self._service().submit(new)

    def get(self, job_id: UUID) -> Job:
        """Return a job, with the newest progress. Raises JobNotFound if there is none with this id."""
        return self._service().get(job_id)

    def page(self, which: "Selection") -> list[Job]:
        """Return an owner's jobs, the newest first."""
        return self._service().page(which)

    def position(self, job: Job) -> int | None:
        """Return the place of a pending job in the queue, from 1 on; None if it has begun."""
        return self._service().position(job)

    def cancel(self, job_id: UUID) -> Job:
        """Cancel a job, at the engine too, and return it. Raises JobNotFound, and JobOver if it has ended."""
        return self._service().cancel(job_id)

    def queue(self) -> Queue:
        """Return how many jobs are pending, and since when the oldest is."""
        return self._service().queue()

    def stop(self) -> None:
        """Let the jobs in flight go back into the queue: this service is being stopped."""
        if self._loaded:
            self._loaded.stop()

    def _service(self) -> "JobService":
        with self._lock:
            if self._loaded is None:
                from image_api.jobs.service import JobService

                self._loaded = JobService.build(self._settings, self._generation, self._image_memory)
            return self._loaded
