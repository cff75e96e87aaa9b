"""JSON with pictures as base64, streamed: ten of them would take hundreds of megabytes of memory."""

import base64
import secrets
from collections.abc import Collection, Iterable, Iterator

from flask import Response, g
from pydantic import BaseModel

from image_api.generation.progress_stream import GenerationResponse
from image_api.services import services
from image_api.web.bodies import reset_on_error
from image_api.web.file_response import open_or_regenerate
from image_api.web.responses import json_response, json_text
from render_worker.serving.deadline import Deadline

FRESH_SECONDS = 5.0  # in which a host still sends what is not read at once
GROUP_BYTES = 3  # that base64 encodes as four letters


class EmbeddedPicture:
    """A picture whose bytes take the place of `placeholder` in a text."""

    def __init__(self, response: GenerationResponse) -> None:
        """Open the picture of a response; one that is lost is made again. Raises as open_picture does."""
        self.result, self._content = open_or_regenerate(response)
        self.placeholder = secrets.token_hex(16)
        self._fresh = Deadline.after(FRESH_SECONDS)
        self._open = services().pictures.open  # there is no current application when the response is sent

    def __iter__(self) -> Iterator[bytes]:
        """Yield the bytes. Raises PictureUnavailable if they break off, or if the picture is lost meanwhile.

        Other pictures may go before it for minutes, to a slow client. A host ends a connection that is not read for so
        long, so the picture is opened again.
        """
        if self._fresh.expired:
            self.close()
            self._content = self._open(self.result)
        yield from self._content

    def close(self) -> None:
        """Close the connection to its host."""
        self._content.close()


def pictures_json(body: BaseModel, pictures: Collection[EmbeddedPicture]) -> Response:
    """Return a model as a JSON response that embeds the pictures, if there are any."""
    return embedding_response(json_text(body), list(pictures)) if pictures else json_response(body)


def embedding_response(text: str, pictures: list[EmbeddedPicture]) -> Response:
    """Return a response with a JSON text that embeds pictures, in the order of their placeholders; it closes them."""
    chunks = embedded(text + "\n", pictures)
    response = Response(reset_on_error(chunks, g.request_id), mimetype="application/json")
    response.headers["Cache-Control"] = "no-store"
    for it in pictures:
        response.call_on_close(it.close)
    return response


def embedded(text: str, pictures: list[EmbeddedPicture]) -> Iterator[bytes]:
    """Yield a text with the pictures' bytes as base64 in the places of their placeholders.

    Raises PictureUnavailable if they break off.
    """
    for it in pictures:
        before, _, text = text.partition(it.placeholder)
        yield before.encode()
        yield from _encoded(it)
    yield text.encode()


def _encoded(chunks: Iterable[bytes]) -> Iterator[bytes]:
    rest = b""
    for chunk in chunks:
        rest += chunk
        whole = len(rest) - len(rest) % GROUP_BYTES
        yield base64.b64encode(rest[:whole])
        rest = rest[whole:]
    yield base64.b64encode(rest)
