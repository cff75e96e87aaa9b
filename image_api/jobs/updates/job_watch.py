"""Watches of jobs, and what is known of each watched job. Nothing here loads the database's library."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from uuid import UUID

from image_api.jobs.job import Job

WithProgress = Callable[[Job], Job]
"""Returns a job with what this process knows of its progress, the job itself if it knows nothing."""
Leave = Callable[["JobWatch"], None]


@dataclass(frozen=True)
class JobUpdate:
    """What a job has become."""

    job: Job
    position: int | None = None
    """Its place in the queue while it is pending."""


class JobWatch:
    """A client's watch of one job. Thread-safe."""

    begun = False
    """As AwaitedWork: nothing is lost if it is evicted."""

    def __init__(self, watched: "WatchedJob", leave: Leave) -> None:
        self.watched = watched
        self._leave = leave
        self._seen: JobUpdate | None = None
        self._news = threading.Event()

    @property
    def job_id(self) -> UUID:
        """Return the job's id."""
        return self.watched.id

    @property
    def is_over(self) -> bool:
        """Return whether nothing more comes: the job was deleted, or this service is being stopped."""
        return self.watched.is_over

    def next(self, seconds: float) -> JobUpdate | None:
        """Return what is new since the last call, waiting up to `seconds`; None if nothing is, or after `wake`."""
        self._news.wait(seconds)
        self._news.clear()
        latest = self.watched.latest
        if latest is self._seen:
            return None
        self._seen = latest
        return latest

    def wake(self) -> None:
        """End the wait of `next`."""
        self._news.set()

    def close(self) -> None:
        """Watch no longer."""
        self._leave(self)


class WatchedJob:
    """A job that is watched, as the poller has seen it last."""

    def __init__(self, job_id: UUID) -> None:
        self.id = job_id
        self.watches: set[JobWatch] = set()
        self.row: Job | None = None
        self.latest: JobUpdate | None = None
        """The row, with what this process knows of its progress."""
        self.is_deleted = self.is_over = False
        self.tried = threading.Event()
        """Set after the first look, also if that has failed."""
        self.counted_at = 0.0
        """When it was read, and its place in the queue counted, by the monotonic clock."""
        self._attempt_here: int | None = None

    def take(self, job: Job | None, position: int | None, with_progress: WithProgress) -> None:
        """Take what a look has shown, None if the job is deleted, and wake the watches if it is new."""
        if job is None:
            self.is_deleted = True
            self.end()
            return
        update = JobUpdate(self._with_progress(job, with_progress), position)
        self.row, self.counted_at = job, time.monotonic()
        if update != self.latest:
            self.latest = update
            self._wake()

    def end(self) -> None:
        """End all watches."""
        self.is_over = True
        self._wake()

    def _wake(self) -> None:
        self.tried.set()
        for watch in tuple(self.watches):
            watch.wake()

    def _with_progress(self, job: Job, with_progress: WithProgress) -> Job:
        """Return the job with its newest progress: what its row has is older than what an attempt here has said."""
        newest = with_progress(job)
        if newest is not job:
            self._attempt_here = job.attempts
        elif self.latest and job.status == "processing" and job.attempts == self._attempt_here:
            return replace(job, progress=self.latest.job.progress)
        return newest
