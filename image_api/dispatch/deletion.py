"""The deletion of a picture: every render worker is asked, as each has storages and tombstones of its own."""

from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus

from image_api.dispatch.render_workers import RenderWorkers
from image_api.dispatch.replies import NOT_A_WORKER, parse_reply, read_body
from image_api.dispatch.worker_client import DELETION_SECONDS, WorkerClient
from image_api.errors import ApiError, DeletionUnsupported, PictureDeleted, PictureGone, Relayed, WorkerUnavailable
from image_api.outbound.reply import WorkerReply
from render_worker.contract import ErrorBody
from render_worker.serving.deadline import Deadline

NO_WORKER = "Celery workers delete nothing by request, and PERCHANCE_WORKER_URL names no render worker."
OLDER = "The render worker is of an older version, which deletes nothing by request."
OUTCOMES = (DeletionUnsupported, PictureDeleted, PictureGone)
"""What may keep a worker from deleting a picture, the one that says most first. Any other error is a failure."""


def delete_picture(workers: RenderWorkers, name: str, client: str | None = None) -> None:
    """Have every render worker delete the picture of a name from its storages, and leave a tombstone.

    Raises PictureDeleted if it was deleted before, PictureGone if no worker had it, DeletionUnsupported if none had it
    and one cannot tell or cannot delete, and the ApiError of a worker that failed, while others may have deleted it.
    """
    if not workers.each:
        raise DeletionUnsupported(NO_WORKER)
    with ThreadPoolExecutor(len(workers.each)) as threads:
        errors = list(threads.map(lambda worker: _error_of(worker, name, client), workers.each))
    failures = [error for error in errors if error and not isinstance(error, OUTCOMES)]
    if failures:
        raise failures[0]
    if all(errors):
        raise min(filter(None, errors), key=lambda error: OUTCOMES.index(type(error)))


def _error_of(worker: WorkerClient, name: str, client: str | None) -> ApiError | None:
    """Return why a worker deleted no picture; None if it did."""
    try:
        with worker.delete_image(name, client) as reply:
            return _outcome(reply)
    except ApiError as error:
        return error.with_traceback(None)


def _outcome(reply: WorkerReply) -> ApiError | None:
    """Return what a worker's reply means; None if it deleted the picture. Raises the ApiError of any other failure."""
    if reply.status_code == HTTPStatus.NO_CONTENT:
        return None
    if reply.status_code == HTTPStatus.NOT_FOUND:
        return PictureGone()
    if reply.status_code == HTTPStatus.GONE:
        return PictureDeleted()
    if reply.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        return DeletionUnsupported(OLDER)
    try:
        parse_reply(reply, read_body(reply, Deadline.after(DELETION_SECONDS)), "/images", ErrorBody)
    except Relayed as error:
        if error.body().code == DeletionUnsupported.code:
            return DeletionUnsupported(str(error))
        raise
    raise WorkerUnavailable(NOT_A_WORKER.format(reply.status_code))
