"""The jobs' services once they are loaded: the store, and the runner that makes their pictures."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID

from image_api.database_url import engine_url
from image_api.generation.use_case import Generation
from image_api.jobs.charges import JobCharges
from image_api.jobs.database.database import Database
from image_api.jobs.delivery import Delivery
from image_api.jobs.job import Job, NewJob, Queue, Selection
from image_api.jobs.job_runner import JobRunner
from image_api.jobs.migrations.migration import bring_up_to_date
from image_api.jobs.runner.runner import Runner
from image_api.jobs.store.retention import Retention
from image_api.jobs.store.store import JobStore
from image_api.jobs.updates.job_watch import JobWatch
from image_api.jobs.updates.updates import JobUpdates
from image_api.jobs.webhooks.client import WebhookClient
from image_api.jobs.webhooks.deliveries import Deliveries
from image_api.jobs.webhooks.message import Signer, body_of
from image_api.jobs.webhooks.sender import WebhookSender
from image_api.limits.budgets import Budgets
from image_api.limits.payers import JobCharge
from image_api.sent_images import ImageMemory
from image_api.settings import Settings

if TYPE_CHECKING:
    from image_api.dispatch.queued.queue import CeleryQueue


@dataclass(frozen=True)
class JobService:
    """Jobs that are kept and run. Thread-safe."""

    database: Database
    store: JobStore
    runner: JobRunner
    updates: JobUpdates
    deliveries: Deliveries
    webhooks: WebhookSender
    retention: Retention
    charges: JobCharges
    sends: bool
    """Whether webhooks are sent: without a WEBHOOK_SECRET what is due waits for one."""

    @classmethod
    def build(
        cls,
        settings: Settings,
        generation: Generation,
        image_memory: ImageMemory,
        queue: "CeleryQueue | None" = None,
        budgets: Budgets | None = None,
    ) -> "JobService":
        """Return the services, with the database brought up to date. Jobs go to the queue, if there is one."""
        url = engine_url(settings.database_url)
        bring_up_to_date(url)
        database = Database(url, partial(bring_up_to_date, url))
        store = JobStore(database, settings.max_pending_jobs)
        store.recount()
        updates = JobUpdates(database)
        deliveries = Deliveries(database)
        webhooks = WebhookSender(
            deliveries,
            WebhookClient(settings.webhook_origins),
            Signer(settings.webhook_secrets),
            partial(body_of, api_prefix=settings.api_v1_prefix, simulated=settings.simulated),
        )
        charges = JobCharges(store.get)

        def on_final(job_id: UUID) -> None:
            webhooks.wake()
            charges.settle(job_id)

        runner = _runner(queue, database, generation, image_memory, settings, budgets, updates.changed, on_final)
        updates.with_progress = runner.with_progress
        retention = Retention(database, settings.job_retention_days)
        return cls(
            database,
            store,
            runner,
            updates,
            deliveries,
            webhooks,
            retention,
            charges,
            sends=bool(settings.webhook_secrets),
        )

    def start(self) -> None:
        """Begin to run jobs, to send webhooks and to delete old jobs."""
        self.runner.start()
        if self.sends:
            self.webhooks.start()
        self.retention.start()

    def submit(self, new: NewJob, charge: JobCharge | None = None) -> tuple[Job, bool]:
        """Return a new job and True, or the one that its idempotency key made before, and False.

        A new one has been charged for by `charge`, which is corrected once it is final.
        """
        job, created = self.store.submit(new)
        if created and charge:
            self.charges.keep(job.id, charge)
        self.runner.wake()
        return job, created

    def made_before(self, new: NewJob) -> Job | None:
        """Return the job that the idempotency key of a new one has made already; None if there is none."""
        return self.store.made_before(new)

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
        self.charges.settle(job_id)
        self.runner.cancelled(job_id)
        self.webhooks.wake()
        return job

    def watch(self, job_id: UUID) -> JobWatch:
        """Return a watch of a job, whose first `next` returns its state at once."""
        return self.updates.watch(job_id)

    def deliveries_of(self, job_id: UUID) -> list[Delivery]:
        """Return the deliveries of a job's webhooks."""
        return self.deliveries.of_job(job_id)

    def try_write(self) -> bool:
        """Return True once something was written that leaves nothing. Raises DatabaseUnavailable if need be."""
        return self.store.try_write()

    def queue(self) -> Queue:
        """Return how many jobs are pending, and since when the oldest is."""
        return self.store.queue()

    def drain(self) -> None:
        """Begin no more jobs, and end all watches. Returns at once."""
        self.updates.close()
        self.runner.drain()

    def leave(self) -> None:
        """Stop waiting for the jobs in flight, and send no more webhooks."""
        self.runner.leave()
        self.webhooks.stop()
        self.retention.stop()

    def close(self, seconds: float) -> None:
        """Close the connections to the database, once nothing more uses it; wait up to `seconds` for that."""
        self.database.close(seconds)


def _runner(
    queue: "CeleryQueue | None",
    database: Database,
    generation: Generation,
    image_memory: ImageMemory,
    settings: Settings,
    budgets: Budgets | None,
    changed: Callable[[UUID], None],
    on_final: Callable[[UUID], None],
) -> JobRunner:
    if queue is None:
        return Runner(database, generation, image_memory, settings, budgets, changed=changed, on_final=on_final)
    from image_api.jobs.queued.queued_runner import QueuedRunner  # which loads Celery

    return QueuedRunner(
        database, queue, generation, image_memory, settings, budgets, changed=changed, on_final=on_final
    )
