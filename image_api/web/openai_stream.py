"""The pictures of OpenAI's route as server-sent events, each as soon as it is made.

event: image_generation.partial_image   a preview of one, as far as `partial_images` asks for them
event: image_generation.completed       one picture
event: image_generation.failed          one that was not made, after the others: an extension
event: error                            why there is none at all

Those of edits are image_edit.partial_image, and so on.

No event has an id: OpenAI's clients take the blank line of a comment after one for an event.
"""

import contextlib
import time
from collections import Counter
from collections.abc import Generator, Iterator

from flask import Response, g

from image_api.errors import ApiError
from image_api.generation.options import GenerationOptions
from image_api.generation.progress_stream import FIRST_SECONDS, HEARTBEAT_SECONDS
from image_api.web.base64_json import EmbeddedPicture
from image_api.web.batch import Batch, Pictures
from image_api.web.error_responses import log_failure
from image_api.web.event_stream import stream_response
from image_api.web.openai_response import failures, openai_errors, pictures_response
from image_api.web.picture_json import streamed
from image_api.web.responses import json_text
from image_api.web.schemas.openai import ImagesRequest
from image_api.web.schemas.openai_pictures import CompletedEvent, ErrorEvent, FailedEvent, Image, PartialEvent
from render_worker.contract import Progress

HEARTBEAT = b": heartbeat\n\n"


class PartialImages:
    """Which previews of each picture a stream has: so many at most, spread over its progress if that is known."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._sent: Counter[int] = Counter()

    def index_of(self, picture: int, progress: Progress) -> int | None:
        """Return the place of a progress' preview among those of its picture; None if the stream does not have it."""
        sent = self._sent[picture]
        if not progress.preview or sent == self._count:
            return None
        if progress.percent is not None and progress.percent * (self._count + 1) < 100 * sent:
            return None
        self._sent[picture] += 1
        return sent


def pictures_of(body: ImagesRequest, pictures: list[GenerationOptions], base: str) -> Response:
    """Return the pictures as events if the client asks for a stream, else as JSON. Raises as `pictures_response`."""
    return (pictures_stream if body.stream else pictures_response)(body, pictures, base)


def pictures_stream(body: ImagesRequest, pictures: list[GenerationOptions], base: str) -> Response:
    """Return the events of the pictures. An error before the first event is a plain error response."""
    batch = Batch(pictures, stream=True, progress=bool(body.partial_images))
    chunks = _chunks(body, batch, pictures[0].model, base)
    first = next(chunks)
    return stream_response(_until_error(first, chunks), chunks.close)


def _chunks(body: ImagesRequest, batch: Batch, model: str, base: str) -> Generator[bytes]:
    """Yield the events in pieces, with heartbeats between: also while there is only progress that brings no event."""
    due = time.monotonic() + FIRST_SECONDS
    with contextlib.closing(_events(body, batch, model, base)) as events:
        for chunk in events:
            if chunk is None and time.monotonic() < due:
                continue
            yield HEARTBEAT if chunk is None else chunk
            due = time.monotonic() + HEARTBEAT_SECONDS


def _events(body: ImagesRequest, batch: Batch, model: str, base: str) -> Generator[bytes | None]:
    """Yield the events in pieces, and None for progress without one. Raises the first ApiError without a picture."""
    pictures, partials = Pictures(), PartialImages(body.partial_images or 0)
    with openai_errors(), contextlib.closing(batch.outcomes()) as outcomes:
        for outcome in outcomes:
            if outcome is None:
                yield HEARTBEAT
            elif isinstance(outcome.content, Progress):
                index = partials.index_of(outcome.index, outcome.content)
                yield None if index is None else _partial_chunk(body, index, outcome.content)
            elif picture := pictures.add_opened(outcome):
                yield from _completed_chunks(body, picture, model, base)
    pictures.require_any()
    for failure in failures(pictures):
        yield _event_text(FailedEvent(type=f"{body.event_family}.failed", failure=failure)).encode()


def _partial_chunk(body: ImagesRequest, index: int, progress: Progress) -> bytes:
    return _event_text(PartialEvent.of(body.event_family, index, progress.preview or "")).encode()


def _completed_chunks(body: ImagesRequest, picture: EmbeddedPicture, model: str, base: str) -> Iterator[bytes]:
    image = Image.of(body, picture.result, base, picture.placeholder)
    text = _event_text(CompletedEvent.completed(body.event_family, model, picture.result, image))
    yield from streamed(text, picture)


def _until_error(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    try:
        yield from rest
    except ApiError as error:
        body = log_failure(error).model_copy(update={"request_id": g.request_id})
        yield _event_text(ErrorEvent.of(body, error.status)).encode()


def _event_text(event: PartialEvent | CompletedEvent | FailedEvent | ErrorEvent) -> str:
    return f"event: {event.type}\ndata: {json_text(event)}\n\n"
