"""The newest progress of jobs that Celery workers make, as they tell it."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from uuid import UUID

from image_api.dispatch.validation import checked_progress
from image_api.jobs.job import Job, Json
from image_api.jobs.queued.picture_ids import PictureId
from render_worker.contract import QueueNews, QueueProgress
from render_worker.serving.deadline import Deadline

MAX_JOBS = 5000


@dataclass(frozen=True)
class Newest:
    """The newest progress of a job."""

    attempt: int
    index: int
    progress: Json
    expected: Deadline | None


class JobProgresses:
    """Keeps the newest progress of each job, of a bounded number. Thread-safe."""

    def __init__(self, changed: Callable[[UUID], None]) -> None:
        """Call `changed` after each progress of a job."""
        self._changed = changed
        self._newest: OrderedDict[UUID, Newest] = OrderedDict()
        self._lock = threading.Lock()

    def listen(self, told: QueueNews | QueueProgress) -> None:
        """Take what is told of a request: the progress of a job's, or that it is over. Returns at once."""
        picture = PictureId.parse(told.id)
        if picture is None:
            return
        if isinstance(told, QueueProgress):
            self._keep(picture, told)
            self._changed(picture.job_id)
        elif told.event != "begun":
            self._drop(picture)

    def shown_with(self, job: Job) -> Job:
        """Return a job with its newest progress, if it is processing and there is one."""
        newest = self._newest.get(job.id) if job.status == "processing" else None
        if newest is None:
            return job
        place = {"index": newest.index} if job.pictures > 1 else {}
        return replace(job, progress={**newest.progress, **place})

    def expected_seconds(self, job: Job) -> float | None:
        """Return in how many seconds a job's only picture is there, as the engine said; None if that is not known."""
        newest = self._newest.get(job.id) if job.pictures == 1 else None
        return (newest.expected.remaining or None) if newest and newest.expected else None

    def _keep(self, picture: PictureId, told: QueueProgress) -> None:
        progress = checked_progress(told.progress)
        news = progress.model_dump(mode="json", exclude={"event", "preview"}, exclude_none=True)
        with self._lock:
            before = self._newest.get(picture.job_id)
            if before and before.index == picture.index and before.attempt > told.attempt:
                return
            expected = before.expected if before else None
            if progress.expected_seconds is not None:
                expected = Deadline.after(progress.expected_seconds)
            self._newest[picture.job_id] = Newest(told.attempt, picture.index, news, expected)
            self._newest.move_to_end(picture.job_id)
            if len(self._newest) > MAX_JOBS:
                self._newest.popitem(last=False)

    def _drop(self, picture: PictureId) -> None:
        with self._lock:
            newest = self._newest.get(picture.job_id)
            if newest and newest.index == picture.index:
                del self._newest[picture.job_id]
