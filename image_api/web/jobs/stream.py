"""A job as server-sent events, for as long as it takes: what a client sees of it before, during and after it runs.

event: status      the job, whenever its status, attempt or position changes, and first of all
event: progress    how far it is; contract.Progress
event: completed   the job at last; or
event: failed      or
event: canceled
"""

from collections.abc import Iterator
from functools import partial
from itertools import count
from uuid import UUID

from flask import Response, request
from pydantic import BaseModel

from image_api.admission import Waiter
from image_api.generation.progress_stream import END, HEARTBEAT_SECONDS
from image_api.jobs.job_json import JobProgress
from image_api.jobs.updates.job_watch import JobUpdate, JobWatch
from image_api.services import services
from image_api.web.client_connection import waiter
from image_api.web.event_stream import RETRY, last_event_id, stream_response
from image_api.web.jobs.views import job_body
from image_api.web.responses import base_url, json_text

HEARTBEAT = b": heartbeat\n\n"


def job_stream(job_id: UUID) -> Response:
    """Return the events of a job from its present state on; a stream that has ended is not begun again (204).

    Raises JobNotFound, DatabaseUnavailable and Stopping as JobUpdates.watch, and as Admission.admit.
    """
    if last_event_id() == f"{job_id}:{END}":
        return Response(status=204)
    base_url()  # first, so that a bad Host header is a plain error response
    if request.method == "HEAD":
        services().jobs.get(job_id)
        return stream_response(iter(()))
    here = waiter(stream=True)
    release = partial(services().generation.admission.release, here)
    try:
        watch = _admitted(job_id, here)
    except BaseException:  # also if the greenlet is killed: a slot that is not released is lost
        release()
        raise
    return stream_response(_event_texts(watch, here), watch.close, release)


def _admitted(job_id: UUID, here: Waiter) -> JobWatch:
    services().generation.admission.admit(here)
    here.work = watch = services().jobs.watch(job_id)
    return watch


def _event_texts(watch: JobWatch, here: Waiter) -> Iterator[bytes]:
    """Yield the texts of the events. Without a last one the stream was cut short, and a client is to begin it again."""
    yield RETRY
    events = _Events(str(watch.job_id))
    while not (watch.is_over or here.is_over or events.ended):
        update = watch.next(HEARTBEAT_SECONDS)
        yield b"".join(events.of(update)) if update else HEARTBEAT


class _Events:
    """The events of one stream."""

    def __init__(self, name: str) -> None:
        self.ended = False
        self._name = name
        self._numbers = count(1)
        self._status: object = None
        self._progress: object = None

    def of(self, update: JobUpdate) -> Iterator[bytes]:
        """Yield the texts of what is new in an update."""
        job, status = update.job, (update.job.status, update.job.attempts, len(update.job.images), update.position)
        if job.is_final:
            self.ended = True
            yield self._text(job.status, job_body(job), END)
            return
        if status != self._status:
            self._status = status
            yield self._text("status", job_body(job, update.position))
        if job.progress and job.progress != self._progress and job.status == "processing":
            self._progress = job.progress
            yield self._text("progress", JobProgress.model_validate(job.progress))

    def _text(self, event: str, content: BaseModel, position: int | str = "") -> bytes:
        event_id = f"{self._name}:{position or next(self._numbers)}"
        return f"event: {event}\nid: {event_id}\ndata: {json_text(content)}\n\n".encode()
