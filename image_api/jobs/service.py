"""The jobs' services once they are loaded: the store, and the runner that makes their pictures."""

from dataclasses import dataclass
from uuid import UUID

from image_api.database_url import engine_url
from image_api.generation.use_case import Generation
from image_api.jobs.database import Database
from image_api.jobs.job import Job, NewJob, Queue
from image_api.jobs.migration import bring_up_to_date
from image_api.jobs.runner import Runner
from image_api.jobs.store import JobStore, Selection
from image_api.sent_images import ImageMemory
from image_api.settings import Settings


@dataclass(frozen=True)
class JobService:
    """Jobs that are kept and run. Thread-safe."""

    store: JobStore
    runner: Runner

    @classmethod
    def build(cls, settings: Settings, generation: Generation, image_memory: ImageMemory) -> "JobService":
        """Return the services, with the database brought up to date and the runner at work."""
        url = engine_url(settings.database_url)
        bring_up_to_date(url)
        database = Database(url)
        store = JobStore(database, settings.max_pending_jobs)
        runner = Runner(database, generation, image_memory, settings)
        runner.start()
        return cls(store, runner)

    def submit(self, new: NewJob) -> tuple[Job, bool]:
        """Return a new job and True, or the one that its idempotency key made before, and False."""
        job, created = self.store.submit(new)
        self.runner.wake()
        return job, created

    def get(self, job_id: UUID) -> Job:
        """Return a job, with the newest progress."""
        return self.runner.with_progress(self.store.get(job_id))

    def page(self, which: Selection) -> list[Job]:
        """Return an owner's jobs, the newest first."""
        return [self.runner.with_progress(job) for job in self.store.page(which)]

    def position(self, job: Job) -> int | None:
        """Return the place of a pending job in the queue, from 1 on; None if it has begun."""
        return self.store.position(job)

    def cancel(self, job_id: UUID) -> Job:
        """Cancel a job, at the engine too, and return it."""
        job = self.store.cancel(job_id)
        self.runner.cancelled(job_id)
        return job

    def queue(self) -> Queue:
        """Return how many jobs are pending, and since when the oldest is."""
        return self.store.queue()

    def stop(self) -> None:
        """Let the jobs in flight go back into the queue."""
        self.runner.stop()
