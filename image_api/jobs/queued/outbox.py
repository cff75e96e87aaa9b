"""The outbox: pending jobs go into the queue once their rows say so, never within a client's request."""

from concurrent.futures import ThreadPoolExecutor

from image_api.dispatch.queued.backlog import Backlog
from image_api.dispatch.queued.failures import QueueUnavailable
from image_api.errors import ApiError
from image_api.jobs.job import Job
from image_api.jobs.queued.ends import JobEnds
from image_api.jobs.queued.loop import Loop
from image_api.jobs.queued.queued_rows import Endings, QueuedRows
from image_api.jobs.queued.sender import NOT_NOW, Sender
from image_api.jobs.queued.turns import Window
from render_worker.serving.deadline import Deadline

POLL_SECONDS = 1.0  # for the jobs of other processes, and for those whose retry is due
SENDERS = 4
MESSAGES_PER_JOB = 20  # of a full window: ten pictures each, and as many more of cancelled jobs and of other requests


class Outbox:
    """Sends the jobs that are due. Thread-safe."""

    def __init__(self, rows: QueuedRows, sender: Sender, ends: JobEnds, backlog: Backlog) -> None:
        self._rows = rows
        self._backlog = backlog
        self._sender = sender
        self._ends = ends
        self._pool = ThreadPoolExecutor(SENDERS, "jobs-send")
        self.window = Window({}, 0, {}, 0)
        """What was in the queue when it was counted last."""
        self._recount = Deadline.after(0)
        self.loop = Loop("outbox", self._step)

    def _step(self) -> float:
        if self._recount.expired:
            self._recount = Deadline.after(POLL_SECONDS)
            self.window = self._rows.window()
        if not self._rows.is_due():
            return POLL_SECONDS
        models = self._backlog.models_below(MESSAGES_PER_JOB * self.window.size)
        if not self._rows.is_due(models):
            return POLL_SECONDS
        jobs = self._rows.publish(models)
        sent = list(self._pool.map(self._sent, jobs))
        failed = [(job, it) for job, it in zip(jobs, sent, strict=True) if isinstance(it, ApiError)]
        if failed:
            self._rows.unpublish([job for job, _ in failed])
        self._ends.settle([it for it in sent if isinstance(it, Endings)])
        for error in (error for _, error in failed if isinstance(error, QueueUnavailable)):
            raise error
        return 0.0 if jobs and not failed else POLL_SECONDS

    def _sent(self, job: Job) -> Endings | ApiError:
        try:
            return self._sender.send(job, job.attempts + 1)
        except NOT_NOW as error:
            return error
