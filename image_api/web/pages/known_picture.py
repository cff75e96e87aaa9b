"""What is known of a picture by its name. A client that must cost nothing, like a link-preview bot, wakes no worker."""

import contextlib
from dataclasses import dataclass
from http import HTTPStatus

import urllib3
from flask import g

from image_api.dispatch.cold_start import WorkerStarting
from image_api.errors import ApiError, PictureDeleted, PictureGone
from image_api.generation.picture_records import PictureRecord
from image_api.generation.results import has_expired
from image_api.outbound.bounds import BodyTooLarge, BodyTooLate, chunks
from image_api.outbound.reply import WorkerReply
from image_api.picture_formats import Unreadable, upright_size
from image_api.services import services
from image_api.web.speculative_requests import is_speculative
from render_worker.contract import GenerateResult, Size
from render_worker.serving.deadline import Deadline

HEAD_BYTES = 64 * 1024  # of a file: its size is in them, unless a large profile comes before
HEAD_SECONDS = 5.0


@dataclass(frozen=True)
class KnownPicture:
    """A picture that there is, or was."""

    record: PictureRecord
    size: Size | None = None
    """That of the render worker's file, if the record has no result."""
    is_there: bool = True
    """Whether its address returns it without a generation, as far as that is known."""
    has_expired: bool = False
    """Whether its storage's link has expired, so that it cannot be shown."""


def known_picture(name: str) -> KnownPicture:
    """Return what this tier remembers of a picture, else what the render worker keeps.

    Raises PictureGone if neither knows it, PictureDeleted if the operator deleted it, and another ApiError if the
    worker would have to be asked and cannot be.
    """
    record = services().generation.records.get(name)
    if record is None or record.result is None:
        return _kept_by_worker(name)
    if has_expired(record.result):
        return KnownPicture(record, is_there=False, has_expired=True)
    if record.result.image_url != f"/images/{name}":
        return _kept_outside(record, record.result)
    return KnownPicture(record, is_there=not _is_lost(name, record))


def _kept_outside(record: PictureRecord, result: GenerateResult) -> KnownPicture:
    """Return a picture of a storage outside, or what was made in place of it. The storage is not asked for it: that is
    for the client's browser.
    """
    if services().worker.is_awake and services().checks.is_deleted(result):
        services().generation.forget_result(result)
        raise PictureDeleted
    replacement = services().generation.replacement_of(result.image_url)
    return KnownPicture(record.model_copy(update={"result": replacement}) if replacement else record)


def _is_lost(name: str, record: PictureRecord) -> bool:
    """Return whether the worker says that its file is lost; False if it would have to be woken for that."""
    if not services().worker.is_awake:
        return False
    try:
        reply = services().worker.image(name, "HEAD", {}, g.client, wake=False)
    except ApiError:
        return False
    with reply:
        return _is_missing(reply, name, record)


def _is_missing(reply: WorkerReply, name: str, record: PictureRecord) -> bool:
    """Return whether a file is lost, and can be made again. Raises PictureGone if it cannot, or PictureDeleted."""
    address = f"/images/{name}"
    if reply.status_code == HTTPStatus.GONE:
        services().generation.forget(address)
        raise PictureDeleted
    if reply.status_code != HTTPStatus.NOT_FOUND:
        return False
    can_be_made = record.recipe and not record.recipe.image
    if not can_be_made and not services().generation.replacement_of(address):
        raise PictureGone
    return True


def _kept_by_worker(name: str) -> KnownPicture:
    """Return what the render worker keeps of a picture. If it sleeps it is woken, and not waited for."""
    worker = services().worker
    try:
        record = PictureRecord(recipe=worker.kept_recipe(f"/images/{name}", g.client, wake=False))
        part = {"Range": f"bytes=0-{HEAD_BYTES - 1}"}
        with worker.image(name, "GET", part, g.client, wake=False) as reply:
            missing = _is_missing(reply, name, record)
            return KnownPicture(record, None if missing else _size_in(reply), is_there=not missing)
    except WorkerStarting:
        if not is_speculative():
            worker.wake(0, g.client)
        raise


def _size_in(reply: WorkerReply) -> Size | None:
    """Return the size that the beginning of a picture's file tells; None if it tells none."""
    beginning = b""
    with contextlib.suppress(BodyTooLarge, BodyTooLate, urllib3.exceptions.HTTPError, OSError):
        for chunk in chunks(reply, HEAD_BYTES, Deadline.after(HEAD_SECONDS), lenient=True):
            beginning += chunk
    try:
        return services().picture_thread.call(upright_size, beginning)
    except Unreadable:
        return None
