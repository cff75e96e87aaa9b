"""The pictures of OpenAI's route as server-sent events, each as soon as it is made.

event: image_generation.completed   one picture
event: image_generation.failed      one that was not made, after the others: an extension
event: error                        why there is none at all

No event has an id: OpenAI's clients take the blank line of a comment after one for an event.
"""

import contextlib
from collections.abc import Generator, Iterator

from flask import Response, g

from image_api.errors import ApiError
from image_api.generation.options import GenerationOptions
from image_api.web.base64_json import EmbeddedPicture
from image_api.web.batch import Batch, Pictures
from image_api.web.error_responses import log_failure
from image_api.web.event_stream import stream_response
from image_api.web.openai_response import failures, openai_errors
from image_api.web.picture_json import streamed
from image_api.web.responses import json_text
from image_api.web.schemas.openai import ImagesRequest
from image_api.web.schemas.openai_pictures import CompletedEvent, ErrorEvent, FailedEvent, Image

HEARTBEAT = b": heartbeat\n\n"


def pictures_stream(body: ImagesRequest, pictures: list[GenerationOptions], base: str) -> Response:
    """Return the events of the pictures. An error before the first event is a plain error response."""
    chunks = _chunks(body, Batch(pictures, stream=True), pictures[0].model, base)
    first = next(chunks)
    return stream_response(_until_error(first, chunks), chunks.close)


def _chunks(body: ImagesRequest, batch: Batch, model: str, base: str) -> Generator[bytes]:
    """Yield the events in pieces, with heartbeats between. Raises the first ApiError if there is no picture."""
    pictures = Pictures()
    with openai_errors(), contextlib.closing(batch.outcomes()) as outcomes:
        for outcome in outcomes:
            if outcome is None:
                yield HEARTBEAT
                continue
            if picture := pictures.add_opened(outcome):
                yield from _completed_chunks(body, picture, model, base)
    pictures.require_any()
    for failure in failures(pictures):
        yield _event_text(FailedEvent(failure=failure)).encode()


def _completed_chunks(body: ImagesRequest, picture: EmbeddedPicture, model: str, base: str) -> Iterator[bytes]:
    image = Image.of(body, picture.result, base, picture.placeholder)
    text = _event_text(CompletedEvent.completed(model, picture.result, image))
    yield from streamed(text, picture)


def _until_error(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    try:
        yield from rest
    except ApiError as error:
        body = log_failure(error).model_copy(update={"request_id": g.request_id})
        yield _event_text(ErrorEvent.of(body, error.status)).encode()


def _event_text(event: CompletedEvent | FailedEvent | ErrorEvent) -> str:
    return f"event: {event.type}\ndata: {json_text(event)}\n\n"
