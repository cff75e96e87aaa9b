"""A result as JSON with its picture itself, `b64_json` beside `image_url`: in a response, an event or a message."""

import contextlib
from collections.abc import Iterator

from flask import g

from image_api.generation.progress_stream import GenerationResponse
from image_api.web.base64_json import EmbeddedPicture, embedded
from image_api.web.bodies import reset_on_error
from render_worker.contract import GenerateResult, ResultLine


class ResultWithPicture(GenerateResult):
    """A result, and its picture as base64."""

    b64_json: str


class LineWithPicture(ResultLine):
    """The last line of a stream, with such a result."""

    result: ResultWithPicture


def with_picture(response: GenerationResponse) -> tuple[ResultWithPicture, EmbeddedPicture]:
    """Open the picture of a response, and return it after its result, which holds its placeholder.

    Raises as open_picture does.
    """
    picture = EmbeddedPicture(response)
    return ResultWithPicture(**picture.result.model_dump(), b64_json=picture.placeholder), picture


def streamed(text: str, picture: EmbeddedPicture) -> Iterator[bytes]:
    """Yield a text with a picture in it, which is closed at the end.

    Raises ConnectionResetError if it breaks off: a part of the text is sent already.
    """
    with contextlib.closing(picture):
        yield from reset_on_error(embedded(text, [picture]), g.request_id)
