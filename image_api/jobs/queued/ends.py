"""What has become of jobs' pictures, and is to be in their rows."""

import logging
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar
from uuid import UUID

from image_api.dispatch.queued.request_states import RequestStates
from image_api.jobs.database.transaction import Transaction
from image_api.jobs.errors import DatabaseUnavailable
from image_api.jobs.queued.picture_ids import PictureId, all_of
from image_api.jobs.queued.pictures import JobPictures
from image_api.jobs.queued.queued_rows import Endings, QueuedRows, Settled, begin, fail, put_back
from image_api.jobs.runner.attempts import InternalFault
from render_worker.contract import QueueNews

log = logging.getLogger(__name__)

K = TypeVar("K", Endings, tuple[PictureId, QueueNews])
T = TypeVar("T")


@dataclass(frozen=True)
class Listeners:
    """What is told of changes."""

    changed: Callable[[UUID], object]
    """Of each job."""
    on_final: Callable[[UUID], object]
    on_completed: Callable[[float], object]
    """With the seconds that a job's last attempt took."""
    on_room: Callable[[], object]
    """That other jobs can go into the queue."""


class JobEnds:
    """Writes what has become of jobs' pictures. Thread-safe.

    Each method raises DatabaseUnavailable, or redis.RedisError, if need be; it can be called again then.
    """

    def __init__(self, rows: QueuedRows, states: RequestStates, pictures: JobPictures, listeners: Listeners) -> None:
        self._rows = rows
        self._states = states
        self._pictures = pictures
        self._listeners = listeners

    def take(self, batch: Iterable[QueueNews]) -> None:
        """Write news of requests; those that are no jobs' are left out."""
        news = [(picture, it) for it in batch if (picture := PictureId.parse(it.id))]
        self._note([(picture, it) for picture, it in news if it.event != "ended"])
        self.settle_jobs({picture.job_id for picture, it in news if it.event == "ended"})
        if news:
            self._listeners.on_room()

    def settle_jobs(self, ids: Collection[UUID]) -> None:
        """Write how pictures of jobs ended."""
        found = self._rows.find(list(ids)) if ids else []
        over = [request_id for job in found if job.is_final for request_id in all_of(job.id, job.pictures)]
        if over:
            self._states.settle(over)
        self.settle(self._pictures.endings_of([job for job in found if not job.is_final]))

    def note_end(self, job_id: UUID) -> None:
        """Tell of a job that has ended without a picture's end."""
        self._tell(job_id, is_final=True)
        self.settle_jobs({job_id})

    def settle(self, endings: Iterable[Endings]) -> None:
        """Write how pictures ended, and have Redis forget those that are in their rows."""
        told = [(it, self._rows.settling(it)) for it in endings if it.images or it.failures]
        results = self._change(told, self._fail)
        for it, settled in results:
            self._tell(it.job_id, is_final=settled.what == "final")
            if settled.seconds is not None:
                self._listeners.on_completed(settled.seconds)
        over = [request_id for it, settled in results for request_id in _settled_requests(it, settled)]
        if over:
            self._states.settle(over)

    def _note(self, news: Sequence[tuple[PictureId, QueueNews]]) -> None:
        """Write which pictures have begun, or were put back."""
        changes = [((picture, it), _change_of(picture, it)) for picture, it in news]
        over = [it.id for (_, it), is_open in self._change(changes) if not is_open]
        if over:  # their jobs were cancelled while Redis was down
            self._states.cancel(over)
        for job_id in {picture.job_id for picture, _ in news}:
            self._listeners.changed(job_id)

    def _change(
        self,
        changes: Sequence[tuple[K, Callable[[Transaction], T]]],
        give_up: Callable[[K], object] = lambda _: None,
    ) -> list[tuple[K, T]]:
        """Carry out changes in one transaction, and return what each returns; one that fails spoils no other."""
        keys = [key for key, _ in changes]
        try:
            results = self._rows.change([change for _, change in changes], {_job_of(key) for key in keys})
            return list(zip(keys, results, strict=True))
        except DatabaseUnavailable:
            raise
        except Exception:  # a bug met by one job must not keep the ends of the others from their rows
            if len(changes) > 1:
                return [result for change in changes for result in self._change([change], give_up)]
            log.exception("what came of a job cannot be kept")
            give_up(keys[0])
            return []

    def _fail(self, endings: Endings) -> None:
        self._rows.change([partial(fail, job_id=endings.job_id, error=InternalFault())])
        self._tell(endings.job_id, is_final=True)

    def _tell(self, job_id: UUID, *, is_final: bool) -> None:
        if is_final:
            self._listeners.on_final(job_id)
        self._listeners.changed(job_id)


def _job_of(key: Endings | tuple[PictureId, QueueNews]) -> UUID:
    return (key[0] if isinstance(key, tuple) else key).job_id


def _change_of(picture: PictureId, news: QueueNews) -> Callable[[Transaction], bool]:
    change = begin if news.event == "begun" else put_back
    return partial(change, job_id=picture.job_id, attempt=news.attempt)


def _settled_requests(endings: Endings, settled: Settled) -> list[str]:
    """Return the requests of which Redis need not know more: failures count until all pictures have ended."""
    if settled.what in ("over", "final"):
        return all_of(endings.job_id, settled.pictures)
    places = endings.images if settled.what == "open" else {**endings.images, **endings.failures}
    return [str(PictureId(endings.job_id, index)) for index in places]
