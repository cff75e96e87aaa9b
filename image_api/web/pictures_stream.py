"""The pictures of a request with `n` one by one, as server-sent events or messages.

event: progress         how far one of them is
event: picture          one of them, as soon as it is made
event: picture_error    one that is not made
event: result           all of them at last, as the JSON response has them; or
event: failure          why there is none
"""

import contextlib
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from itertools import chain

from flask import Response, g

from image_api.errors import ApiError
from image_api.generation.options import GenerationOptions
from image_api.generation.progress_stream import END
from image_api.services import services
from image_api.web.base64_json import EmbeddedPicture
from image_api.web.batch import Batch, Outcome, Pictures
from image_api.web.disclosure import visible_error
from image_api.web.event_stream import AGAIN, RETRY, failure_text, stream_response
from image_api.web.picture_json import streamed
from image_api.web.pictures_response import indexed, result_of
from image_api.web.responses import base_url, json_text
from image_api.web.schemas.pictures import (
    IndexedError,
    IndexedProgress,
    IndexedResult,
    PictureErrorLine,
    PictureLine,
    PicturesLine,
    PicturesResult,
)
from render_worker.contract import Progress

Content = IndexedProgress | IndexedResult | IndexedError | PicturesResult
EVENTS: dict[type[Content], str] = {
    IndexedProgress: "progress",
    IndexedResult: "picture",
    IndexedError: "picture_error",
    PicturesResult: "result",
}

NO_NEWS = "The request was taken on; the render worker has not said anything of it yet."
FIRST = IndexedProgress(phase="queued", message=NO_NEWS, index=0)
"""In place of a heartbeat before any progress, for messages: it has the request's id."""


@dataclass(frozen=True)
class PicturesEvent:
    """What happened: None is a heartbeat. An opened picture takes the place of its placeholder in the content."""

    content: Content | None = None
    picture: EmbeddedPicture | None = None


def pictures_events(options: GenerationOptions) -> Generator[PicturesEvent]:
    """Yield what happens to each picture, then all as one result. Raises the first ApiError if there is none.

    With base64 each picture comes so in its own event, and not again in the result.
    """
    base, embeds = base_url(), options.embeds_picture
    pictures = Pictures()
    images: dict[int, IndexedResult] = {}
    with contextlib.closing(Batch(options.series(), stream=True, progress=True).outcomes()) as outcomes:
        for outcome in outcomes:
            event = _event_of(outcome, pictures, base, embeds) if outcome else PicturesEvent()
            if isinstance(event.content, IndexedResult):
                images[event.content.index] = event.content.model_copy(update={"b64_json": None})
            yield event
    pictures.require_any()
    yield PicturesEvent(result_of(pictures, [image for _, image in sorted(images.items())]))


def _event_of(outcome: Outcome, pictures: Pictures, base: str, embeds: bool) -> PicturesEvent:
    index, content = outcome.index, outcome.content
    if isinstance(content, Progress):
        return PicturesEvent(IndexedProgress(**content.model_dump(), index=index))
    picture = pictures.add_opened(outcome) if embeds else None
    if not embeds:
        pictures.add(outcome)
    if error := pictures.errors.get(index):
        return PicturesEvent(IndexedError.of(index, error, visible_error(error.body())))
    if picture:
        return PicturesEvent(indexed(index, picture.result, base, picture.placeholder), picture)
    return PicturesEvent(indexed(index, pictures.made[index].result, base))


def pictures_stream(options: GenerationOptions) -> Response:
    """Return the events of the pictures. An error before the first event is a plain error response."""
    name = f"{g.request_id}-n"  # of no flight
    if services().generation.is_repeatable(options):
        name = AGAIN + name
    texts = _event_texts(pictures_events(options), name)
    first = next(texts)
    return stream_response(chain([RETRY, first], _until_failure(texts, name)), texts.close)


def _event_texts(events: Generator[PicturesEvent], name: str) -> Generator[bytes]:
    with contextlib.closing(events):
        for position, event in enumerate(events):
            ends = isinstance(event.content, PicturesResult)
            yield from _event_text(event, f"{name}:{END if ends else position}")


def _until_failure(texts: Iterator[bytes], name: str) -> Iterator[bytes]:
    try:
        yield from texts
    except ApiError as error:
        yield failure_text(error, name)


def _event_text(event: PicturesEvent, event_id: str) -> Iterator[bytes]:
    if event.content is None:
        yield f": heartbeat\nid: {event_id}\n\n".encode()
        return
    text = f"event: {EVENTS[type(event.content)]}\nid: {event_id}\ndata: {json_text(event.content)}\n\n"
    yield from streamed(text, event.picture) if event.picture else [text.encode()]


def pictures_messages(options: GenerationOptions) -> Generator[Iterator[bytes]]:
    """Yield the messages about the pictures, each in pieces; none for a heartbeat, because the protocol has pings."""
    with contextlib.closing(pictures_events(options)) as events:
        for number, event in enumerate(events):
            content = event.content if event.content or number else FIRST
            if content is not None:
                text = json_text(_line_of(content))
                yield streamed(text, event.picture) if event.picture else iter([text.encode()])


def _line_of(content: Content) -> IndexedProgress | PictureLine | PictureErrorLine | PicturesLine:
    if isinstance(content, IndexedResult):
        return PictureLine(result=content)
    if isinstance(content, IndexedError):
        return PictureErrorLine(status=content.status, error=content)
    if isinstance(content, PicturesResult):
        return PicturesLine(result=content)
    return content.model_copy(update={"request_id": g.request_id})
