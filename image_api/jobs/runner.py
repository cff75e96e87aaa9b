"""The runner: claims pending jobs, makes their pictures by the use case, and keeps what came of it."""

from collections.abc import Callable
from uuid import UUID

from image_api.generation.use_case import Generation
from image_api.jobs.database import Database
from image_api.jobs.job import Job
from image_api.sent_images import ImageMemory
from image_api.settings import Settings


class Runner:
    """Runs JOB_CONCURRENCY jobs at a time, each under a lease that it renews. Thread-safe."""

    def __init__(
        self,
        database: Database,
        generation: Generation,
        image_memory: ImageMemory,
        settings: Settings,
        changed: Callable[[UUID], None] = lambda job_id: None,
    ) -> None:
        """Call `changed` whenever a job of this process has come further."""
        self._database = database
        self._generation = generation
        self._image_memory = image_memory
        self._settings = settings
        self._changed = changed

    def start(self) -> None:
        """Begin to claim jobs."""

    def wake(self) -> None:
        """Claim at once: a job was submitted."""

    def with_progress(self, job: Job) -> Job:
        """Return a job with the newest progress, if it runs in this process."""
        return job

    def cancelled(self, job_id: UUID) -> None:
        """End a job's generation, at the engine too, if it runs in this process."""

    def stop(self) -> None:
        """Claim no more jobs, and give those in flight back."""
