"""Sending jobs: a message for each picture that is missing, and is not in the cache."""

import logging
from collections.abc import Collection

from image_api.dispatch.queued.failures import QueueUnavailable
from image_api.dispatch.queued.publisher import Publisher
from image_api.dispatch.queued.queue_names import QueueNames
from image_api.errors import ApiError, ServiceBusy, WorkerUnavailable
from image_api.generation.options import GenerationOptions
from image_api.jobs.errors import DatabaseUnavailable
from image_api.jobs.job import Job, Json
from image_api.jobs.queued.picture_ids import PictureId
from image_api.jobs.queued.pictures import JobPictures
from image_api.jobs.queued.queued_rows import Endings, Failure
from image_api.jobs.runner.attempts import InternalFault
from image_api.limits.errors import BudgetSpent
from render_worker.contract import AUTO_QUEUE, QueuedRequest

log = logging.getLogger(__name__)

UNKNOWN = "No Celery worker has told of its model yet."
NOT_NOW = (WorkerUnavailable, ServiceBusy, DatabaseUnavailable)
"""What says that a job cannot be sent now, and can be later."""


class Sender:
    """Sends jobs. Thread-safe."""

    def __init__(self, publisher: Publisher, names: QueueNames, pictures: JobPictures, seconds: float) -> None:
        """Give each picture so many seconds from its beginning."""
        self._publisher = publisher
        self._names = names
        self._pictures = pictures
        self._seconds = seconds

    def send(self, job: Job, attempt: int, places: Collection[int] | None = None) -> Endings:
        """Send those of a job's missing pictures, or of those at the places, that the cache does not have.

        Returns the ends of those that are not to be made. Raises one of NOT_NOW if the queue, the memory for images or
        the database of budgets does not take it now.
        """
        missing = [index for index in job.missing if places is None or index in places]
        try:
            with self._pictures.series(job) as series:
                wanted = {index: series[index] for index in missing}
                return self._send(job, attempt, wanted)
        except NOT_NOW:
            raise
        except ApiError as error:
            failure = Failure(attempt, error)
        except Exception:  # a bug is this job's end, and no other's
            log.exception("job %s: unexpected error", job.id)
            failure = Failure(attempt, InternalFault())
        return Endings(job.id, {}, dict.fromkeys(missing, failure))

    def queue_of(self, job: Job) -> str | None:
        """Return the queue of a job; None if no Celery worker has told of its model yet."""
        try:
            return self._names.find(str(job.request.get("model", AUTO_QUEUE)))
        except ApiError:
            return None

    def _send(self, job: Job, attempt: int, wanted: dict[int, GenerationOptions]) -> Endings:
        present: dict[int, Json] = {}
        refused: dict[int, Failure] = {}
        for index, options in wanted.items():
            if image := self._pictures.present(job, index, options):
                present[index] = image
            else:
                try:
                    self._publish(job, attempt, index, options)
                except BudgetSpent as error:  # cheaper ones may follow, and those before are being made
                    refused[index] = Failure(attempt, error)
        return Endings(job.id, present, refused)

    def _publish(self, job: Job, attempt: int, index: int, options: GenerationOptions) -> None:
        quiet = options.model_copy(update={"previews": False})  # which jobs do not show
        request = quiet.request(str(PictureId(job.id, index)), self._seconds)
        max_price = self._pictures.max_price(job, attempt, index, request)
        request = request.model_copy(update={"max_price": max_price})
        message = QueuedRequest(request=request, attempt=attempt, client=job.client)
        image = options.image.whole() if options.image else None
        queue = self._names.find(options.model)
        if queue is None:  # it was accepted when this service, or another process of it, knew more
            raise QueueUnavailable(UNKNOWN)
        self._publisher.send(message, queue, image)
