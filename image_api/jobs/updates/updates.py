"""What happens to jobs, for the clients that watch them: one poller for all of a process, while there are any."""

import heapq
import logging
import threading
import time
from collections.abc import Iterable
from functools import partial
from uuid import UUID

from image_api.errors import Stopping
from image_api.jobs.database.database import Database
from image_api.jobs.errors import DatabaseUnavailable, JobNotFound
from image_api.jobs.job import Job
from image_api.jobs.updates.job_watch import JobWatch, WatchedJob, WithProgress
from image_api.jobs.updates.watched_rows import Look, look_at
from render_worker.serving.deadline import Deadline

POLL_SECONDS = 1.0  # between two looks at all watched jobs
PAUSE_SECONDS = 0.05  # between two looks at those of which something is known to have changed
FIRST_SECONDS = 10.0  # for the first look at a job
MAX_CHANGED = 100  # jobs of which something is known to have changed, in one look
MAX_COUNTED = 50  # places in the queue that are counted anew in a look at all: of 1,000 jobs each every 20 seconds
UNREAD = "The watched jobs cannot be read now."

log = logging.getLogger(__name__)


class JobUpdates:
    """Reads the rows of all watched jobs once a second, and those at once of which this process knows news.

    Thread-safe. No reader of the database is held between two looks.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self.with_progress: WithProgress = lambda job: job
        self._watched: dict[UUID, WatchedJob] = {}
        self._changed: dict[UUID, None] = {}  # in the order of their changes
        self._lock = threading.Lock()
        self._news = threading.Event()
        self._polling = self._closed = False

    def watch(self, job_id: UUID) -> JobWatch:
        """Return a watch of a job, whose first `next` returns its state at once.

        Raises JobNotFound if there is none with this id, DatabaseUnavailable if it cannot be read, and Stopping.
        """
        watch = self._joined(job_id)
        try:
            _wait_for_first(watch.watched)
        except BaseException:  # also if the greenlet is killed: the job would be polled for ever
            watch.close()
            raise
        watch.wake()
        return watch

    def changed(self, job_id: UUID) -> None:
        """Look at a job soon, if it is watched: something of it has changed."""
        if job_id in self._watched:
            self._changed[job_id] = None
            self._news.set()

    def close(self) -> None:
        """End all watches: this service is being stopped."""
        self._closed = True
        for watched in tuple(self._watched.values()):
            watched.end()
        self._news.set()

    def _joined(self, job_id: UUID) -> JobWatch:
        """Return a watch that the poller knows."""
        with self._lock:
            if self._closed:
                raise Stopping("This service is being stopped.")
            watched = self._watched.get(job_id)
            if watched is None or watched.is_over:
                watched = self._watched[job_id] = WatchedJob(job_id)
            watch = JobWatch(watched, self._leave)
            watched.watches.add(watch)
            if not self._polling:
                self._polling = True
                threading.Thread(target=self._poll, name="job-updates", daemon=True).start()
        self.changed(job_id)
        return watch

    def _leave(self, watch: JobWatch) -> None:
        watched = watch.watched
        with self._lock:
            watched.watches.discard(watch)
            if not watched.watches and self._watched.get(watched.id) is watched:
                del self._watched[watched.id]
        self._news.set()

    def _poll(self) -> None:
        due = Deadline.after(0)
        while True:
            with self._lock:
                if not self._watched or self._closed:
                    self._polling = False
                    return
            is_due = due.expired
            if is_due:
                due = Deadline.after(POLL_SECONDS)
            self._look(is_due)
            time.sleep(PAUSE_SECONDS)
            if not self._changed:
                self._news.wait(due.remaining)
            self._news.clear()

    def _look(self, is_due: bool) -> None:
        changed = [watched for job_id in self._taken() if (watched := self._watched.get(job_id))]
        try:
            found = self._database.read(partial(look_at, look=self._planned(changed, is_due)))
            for job_id, (job, position) in found.items():
                if watched := self._watched.get(job_id):
                    watched.take(job, position, self.with_progress)
        except DatabaseUnavailable:
            log.debug(UNREAD)  # each second
        except Exception:  # the watches of all clients depend on the poller
            log.exception(UNREAD)
        for watched in changed:
            watched.tried.set()

    def _taken(self) -> list[UUID]:
        """Return the jobs of which something has changed, those first of which that has been known longest."""
        ids = list(self._changed)[:MAX_CHANGED]
        for job_id in ids:
            del self._changed[job_id]
        return ids

    def _planned(self, changed: Iterable[WatchedJob], is_due: bool) -> Look:
        """Return what to look at: what has changed, and if it is due also whether anything else has."""
        whole = [watched.id for watched in changed]
        known = [it.row for it in tuple(self._watched.values()) if it.row] if is_due else []
        return Look(whole, known, self._to_count(known))

    def _to_count(self, known: Iterable[Job]) -> list[Job]:
        """Return the pending jobs whose places in the queue were counted longest ago."""
        pending = [job for job in known if job.status == "pending"]
        return heapq.nsmallest(MAX_COUNTED, pending, key=self._counted_at)

    def _counted_at(self, job: Job) -> float:
        watched = self._watched.get(job.id)
        return watched.counted_at if watched else 0.0


def _wait_for_first(watched: WatchedJob) -> None:
    """Wait for the first look at a job. Raises JobNotFound if there is none, DatabaseUnavailable if it was not read."""
    watched.tried.wait(FIRST_SECONDS)
    if watched.is_deleted:
        raise JobNotFound
    if watched.latest is None:
        raise DatabaseUnavailable
