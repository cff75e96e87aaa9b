"""JSON with pictures as base64, streamed: ten of them would take hundreds of megabytes of memory."""

import base64
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from flask import Response, g

from image_api.generation.progress_stream import GenerationResponse
from image_api.remote_pictures import PictureContent
from image_api.web.bodies import reset_on_error
from image_api.web.file_response import open_or_regenerate
from render_worker.contract import GenerateResult

GROUP_BYTES = 3  # that base64 encodes as four letters


@dataclass(frozen=True)
class EmbeddedPicture:
    """A picture whose bytes take the place of `placeholder` in a text."""

    result: GenerateResult
    content: PictureContent
    placeholder: str = field(default_factory=lambda: secrets.token_hex(16))

    @classmethod
    def of(cls, response: GenerationResponse) -> "EmbeddedPicture":
        """Open the picture of a response, one that is lost anew. Raises as open_picture does."""
        return cls(*open_or_regenerate(response.result))


def embedding_response(text: str, pictures: list[EmbeddedPicture]) -> Response:
    """Return a response with a JSON text that embeds pictures, in the order of their placeholders; it closes them."""
    chunks = embedded(text + "\n", pictures)
    response = Response(reset_on_error(chunks, g.request_id), mimetype="application/json")
    response.headers["Cache-Control"] = "no-store"
    for it in pictures:
        response.call_on_close(it.content.close)
    return response


def embedded(text: str, pictures: list[EmbeddedPicture]) -> Iterator[bytes]:
    """Yield a text with the pictures' bytes as base64 in the places of their placeholders.

    Raises PictureUnavailable if they break off.
    """
    for it in pictures:
        before, _, text = text.partition(it.placeholder)
        yield before.encode()
        yield from _encoded(it.content)
    yield text.encode()


def _encoded(chunks: Iterable[bytes]) -> Iterator[bytes]:
    rest = b""
    for chunk in chunks:
        rest += chunk
        whole = len(rest) - len(rest) % GROUP_BYTES
        yield base64.b64encode(rest[:whole])
        rest = rest[whole:]
    yield base64.b64encode(rest)
