"""The sweeper: finds what the news of the queue did not tell, such as that a Celery worker or Redis has died."""

import logging
import secrets
from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from uuid import UUID

from redis import Redis

from image_api.dispatch.queued.losses import Found, OpenRequest
from image_api.dispatch.queued.queue import CeleryQueue
from image_api.dispatch.queued.sweep import SWEEP_SECONDS
from image_api.jobs.job import Job
from image_api.jobs.queued.ends import JobEnds
from image_api.jobs.queued.loop import Loop
from image_api.jobs.queued.picture_ids import PictureId
from image_api.jobs.queued.queued_rows import QueuedJob, QueuedRows, begin, interrupt, resend, reset
from image_api.jobs.queued.sender import NOT_NOW, Sender
from image_api.jobs.runner.leases import Leases
from render_worker.serving.deadline import Deadline

LOCK = "img_jobs:sweeper:{}"
LOCK_SECONDS = 3.0
LOOK_SECONDS = 10.0  # after which a process without the lock looks as well
JOBS_PER_SECOND = 2000  # that are looked at: with more of them the looks are rarer

log = logging.getLogger(__name__)

KEEP_LOCK = """
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""


class SweeperLock:
    """The lock by which one process of a database sweeps for all."""

    def __init__(self, redis: Redis, database_id: str) -> None:
        self._key = LOCK.format(database_id)
        self._token = secrets.token_hex(8)
        self._keep = redis.register_script(KEEP_LOCK)

    def keep(self) -> bool:
        """Take the lock, or keep it. Returns False if another process has it."""
        return bool(self._keep(keys=[self._key], args=[self._token, round(LOCK_SECONDS * 1000)]))


class Sweeper:
    """Looks at all jobs in the queue, and brings their rows in line with what Redis says of them."""

    def __init__(
        self, rows: QueuedRows, leases: Leases, sender: Sender, ends: JobEnds, queue: CeleryQueue, lock: SweeperLock
    ) -> None:
        self._rows = rows
        self._leases = leases
        self._sender = sender
        self._ends = ends
        self._states = queue.states
        self._sweep = queue.sweep()
        self._lock = lock
        self._look_at = Deadline.after(0)
        """By when this process looks, also if another has the lock."""
        self._odd: set[UUID] = set()
        """Jobs whose rows the latest look has found to differ from what Redis says: news may be on their way."""
        self.loop = Loop("sweeper", self._step)

    def _step(self) -> float:
        # At first what ended while no process ran is to be found, whose lock may not have lapsed; and later, rarely,
        # what another database needs, of which this one is a copy: it has the same identity, and perhaps the lock.
        if not (self._lock.keep() or self._look_at.expired):
            return SWEEP_SECONDS
        self._leases.take_over()
        jobs = [it for it in self._rows.open_jobs() if not it.is_leased]
        self._look(jobs)
        self._look_at = Deadline.after(LOOK_SECONDS)
        return max(SWEEP_SECONDS, len(jobs) / JOBS_PER_SECOND)

    def _look(self, jobs: Sequence[QueuedJob]) -> None:
        found: defaultdict[UUID, list[Found]] = defaultdict(list)
        for it in self._sweep.look([request for job in jobs for request in self._requests(job)]):
            found[_picture_of(it).job_id].append(it)
        self._ends.settle_jobs({job_id for job_id, its in found.items() if any(it.what == "ended" for it in its)})
        before, self._odd = self._odd, set()
        for queued in jobs:
            self._mend(queued.job, found[queued.job.id], was_odd=queued.job.id in before)

    def _requests(self, queued: QueuedJob) -> list[OpenRequest]:
        job = queued.job
        attempt = job.attempts + int(job.status == "pending")
        queue = self._sender.queue_of(job)
        return [OpenRequest(str(PictureId(job.id, it)), attempt, queued.waited, queue) for it in job.missing]

    def _mend(self, job: Job, found: Sequence[Found], *, was_odd: bool) -> None:
        """Bring a job's row in line with what was found of its missing pictures."""
        whats = {it.what for it in found}
        if "lost" in whats:
            self._interrupt(job, [it for it in found if it.what == "lost"])
        elif job.status == "pending" and "running" in whats:  # whose news were lost, or come soon
            begun = max(it.attempt for it in found if it.what == "running")
            self._rows.change([partial(begin, job_id=job.id, attempt=begun)])
        elif whats == {"ended"} or (job.status == "processing" and not whats & {"running", "ended"}):
            self._odd.add(job.id)
            if was_odd:
                self._mend_odd(job, found)
        elif "unsent" in whats:
            self._resend(job, [it for it in found if it.what == "unsent"])

    def _mend_odd(self, job: Job, found: Sequence[Found]) -> None:
        """Have a job be made that is not, though it has ended by what Redis says, or is processing by its row."""
        if all(it.what == "ended" for it in found):
            self._forget_kept([it.request.id for it in found])
            self._resend(job, found)  # if what ended was an attempt that does not count
        elif any(it.attempt for it in found):  # it was put back
            self._rows.change([partial(reset, seen=job)])
        elif all(it.what == "unsent" for it in found):  # Redis has lost it, and it was not made any more
            self._interrupt(job, found)

    def _forget_kept(self, ids: Sequence[str]) -> None:
        """Have Redis forget ends that were kept in rows which are lost, as in a backup that was restored."""
        kept = [request_id for request_id, final in zip(ids, self._states.finals(ids), strict=True) if final is None]
        self._states.forget(kept)

    def _interrupt(self, job: Job, lost: Sequence[Found]) -> None:
        attempt = max(it.attempt for it in lost)
        (again,) = self._rows.change([partial(interrupt, seen=job, attempt=attempt)])
        if again:
            self._send(again, again.attempts + 1, lost)
        else:  # it has changed, or has ended
            self._ends.note_end(job.id)

    def _resend(self, job: Job, found: Sequence[Found]) -> None:
        attempt = max(max(it.attempt, it.request.attempt) for it in found)
        if self._rows.change([partial(resend, seen=job)])[0]:
            self._send(job, attempt, found)

    def _send(self, job: Job, attempt: int, found: Sequence[Found]) -> None:
        try:
            self._ends.settle([self._sender.send(job, attempt, {_picture_of(it).index for it in found})])
        except NOT_NOW as error:  # a later look finds it again
            log.info("job %s waits to be sent again: %s", job.id, error)


def _picture_of(found: Found) -> PictureId:
    picture = PictureId.parse(found.request.id)
    assert picture  # noqa: S101 - only those of jobs are looked at
    return picture
