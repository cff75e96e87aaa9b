"""The current request's upload: admitted, counted, spooled and read outside gevent's hub.

The hub alone reads from the client. Each piece goes to a temporary file, and the whole is parsed from there, in native
threads: a parser in the hub would delay all other clients.
"""

import io
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from itertools import chain
from typing import IO, ParamSpec, TypeVar

from flask import request
from werkzeug.exceptions import RequestEntityTooLarge

from image_api.admission import Waiter
from image_api.errors import ServiceBusy, UploadTooLarge
from image_api.native_thread import NativeThread
from image_api.sent_images import SentImage
from image_api.services import services
from image_api.uploads import MAX_FILES, TemporaryFiles, TooManyFiles, Upload
from image_api.web.client_connection import waiter
from image_api.web.json_pictures import json_pairs
from image_api.web.multipart import Pairs, multipart_pairs
from render_worker.contract import MAX_IMAGE_BYTES, InvalidField

FORM, JSON = "multipart/form-data", "application/json"
PATIENCE_SECONDS = 5.0
PIECE_BYTES = 64 * 1024
NO_ROOM = "There is no room for pictures that clients send."
# One for all: an upload of JSON takes several times its size of memory, and glibc keeps that for each thread.
THREAD = NativeThread()
P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


@contextmanager
def uploaded(parse: Callable[[Pairs], T], begun: bytes = b"") -> Iterator[T]:
    """Return what `parse` makes of the request's form or JSON object; its files are deleted at the end of the context.

    `begun` is what was read of the body before. Raises InvalidField if it is invalid, UploadTooLarge, and ServiceBusy
    if there is no slot or no room for it.
    """
    here = waiter()
    with closing(TemporaryFiles()) as files:
        source = upload_stream()  # first, so that one that is too large takes no slot
        with upload_slot(here):
            yield _read(parse, chain([begun], _pieces(source)), files, here)


@contextmanager
def upload_slot(here: Waiter) -> Iterator[None]:
    """Hold one of the slots for uploads. Raises ServiceBusy if there is none."""
    services().upload_slots.admit_soon(here, PATIENCE_SECONDS)  # most uploads take less than a second
    try:
        yield
    finally:
        services().upload_slots.release(here)


@contextmanager
def received(message: bytes, here: Waiter) -> Iterator[Pairs]:
    """Return the fields of a JSON object that was received as a whole. Raises as `uploaded`."""
    with closing(TemporaryFiles()) as files, upload_slot(here):
        yield _aside(lambda: json_pairs(io.BytesIO(message), files))


def sent_image(upload: Upload) -> SentImage:
    """Return an uploaded image in memory; its holder releases it.

    Raises InvalidParameter if it is no picture, UploadTooLarge, and ServiceBusy if there is no room for it.
    """
    if upload.size > MAX_IMAGE_BYTES:
        raise UploadTooLarge(f"image must have {MAX_IMAGE_BYTES // 2**20} MB at most.")
    memory, here = services().image_memory, waiter()
    room = memory.take(upload.size, here.client, here.gone)
    try:
        return _aside(SentImage.of, upload, room, memory)
    except BaseException:  # also if the greenlet is killed: room that is not given back is lost
        memory.give_back(room)
        raise


def check_type() -> None:
    """Raise InvalidField unless the body's type is one that can be read, and not compressed."""
    if request.mimetype not in (FORM, JSON):
        raise InvalidField(f"The Content-Type must be {FORM}, or {JSON} with the pictures as data URLs.")
    check_encoding()


def check_encoding() -> None:
    """Raise InvalidField if the body is compressed."""
    if request.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
        raise InvalidField("The body must not be compressed; send it without Content-Encoding.")


def upload_stream() -> IO[bytes]:
    """Return the body, unread. Raises UploadTooLarge if it announces more than an upload may have."""
    request.max_content_length = max_upload_bytes() + 1  # Werkzeug refuses one of exactly so many bytes, too
    if (request.content_length or 0) > max_upload_bytes():
        raise _too_large()
    return request.stream


def _read(parse: Callable[[Pairs], T], pieces: Iterable[bytes], files: TemporaryFiles, here: Waiter) -> T:
    is_form = request.mimetype == FORM
    boundary = request.mimetype_params.get("boundary", "")
    body = _aside(files.new)
    _spool(pieces, body, here)
    if is_form:
        return _aside(lambda: parse(multipart_pairs(body, boundary, files)))
    return _aside(lambda: parse(json_pairs(body, files)))


def _spool(pieces: Iterable[bytes], body: IO[bytes], here: Waiter) -> None:
    """Write what the client sends to a file. Raises ServiceBusy if its slot is given to another client meanwhile."""
    for piece in pieces:
        here.check()
        _aside(body.write, piece)
    _aside(body.seek, 0)  # which writes what is buffered


def _pieces(source: IO[bytes]) -> Iterator[bytes]:
    """Yield what the client sends. Raises UploadTooLarge."""
    try:
        while piece := source.read(PIECE_BYTES):
            yield piece
    except RequestEntityTooLarge:
        raise _too_large() from None


def _aside(function: Callable[P, R], *arguments: P.args, **named: P.kwargs) -> R:
    """Call a function in the native thread of all uploads.

    Raises UploadTooLarge if it makes too many files, and ServiceBusy if there is no room for them.
    """
    try:
        return THREAD.call(function, *arguments, **named)
    except TooManyFiles:
        raise UploadTooLarge(f"The request has more than {MAX_FILES} files.") from None
    except OSError as error:
        raise ServiceBusy(NO_ROOM) from error


def _too_large() -> UploadTooLarge:
    return UploadTooLarge(f"The request is larger than {services().settings.max_upload_mb} MB, all its files together.")


def max_upload_bytes() -> int:
    """Return how many bytes a request with pictures may have, or a message."""
    return services().settings.max_upload_mb * 1024 * 1024
