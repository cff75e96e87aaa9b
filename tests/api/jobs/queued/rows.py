"""A process of this service as far as the rows of jobs in the queue go."""

from functools import partial

from image_api.errors import ServiceBusy
from image_api.jobs.errors import JobUnreadable
from image_api.jobs.job import Job
from image_api.jobs.queued.queued_rows import Endings, Failure, QueuedRows, Settled, begin, interrupt, put_back
from image_api.jobs.runner.retries import RetryPolicy
from tests.api.jobs.processes import Process

MODELS = ("auto", "horde")
"""Those that Celery workers have told of."""
HOPELESS, HOPEFUL = JobUnreadable("It is of another version."), ServiceBusy("All slots are in use.")


class QueueProcess(Process):
    """A process of this service that sends its jobs to the queue."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.rows = QueuedRows(self.database, RetryPolicy(max_retries=1, base=2))

    def publish(self, *models: str) -> list[Job]:
        return self.rows.publish(models or MODELS)

    def is_due(self, *models: str) -> bool:
        return self.rows.is_due(models or MODELS)

    def job(self, job: Job) -> Job:
        return self.store.get(job.id)

    def begin(self, job: Job, attempt: int = 1) -> bool:
        return self.rows.change([partial(begin, job_id=job.id, attempt=attempt)])[0]

    def put_back(self, job: Job, attempt: int = 1) -> bool:
        return self.rows.change([partial(put_back, job_id=job.id, attempt=attempt)])[0]

    def interrupt(self, seen: Job, attempt: int = 1) -> Job | None:
        return self.rows.change([partial(interrupt, seen=seen, attempt=attempt)])[0]

    def made(self, job: Job, *places: int) -> Settled:
        images = {index: {"index": index, "image_url": f"/images/{index}.png"} for index in places or (0,)}
        return self.rows.change([self.rows.settling(Endings(job.id, images, {}))])[0]

    def failed(self, job: Job, attempt: int, error: Exception = HOPELESS, index: int = 0) -> Settled:
        endings = Endings(job.id, {}, {index: Failure(attempt, error)})
        return self.rows.change([self.rows.settling(endings)])[0]

    def published(self, **request: object) -> Job:
        """Return a job that is in the queue."""
        job = self.submit(**request)
        self.publish()
        return self.job(job)

    def running(self, **request: object) -> Job:
        """Return a job whose first attempt has begun."""
        job = self.published(**request)
        self.begin(job)
        return self.job(job)
