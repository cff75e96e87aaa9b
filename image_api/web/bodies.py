"""How a request's JSON body is taken in, and how a picture's bytes go out."""

import errno
import logging
from collections.abc import Iterable, Iterator

from flask import Response, abort, g, request

from image_api.errors import ApiError
from image_api.remote_pictures import PictureContent
from render_worker.contract import MAX_BODY_BYTES, InvalidField

log = logging.getLogger(__name__)


def json_body() -> bytes:
    """The body of a POST that takes everything from it. A chunked one says its length nowhere: its end is looked at."""
    if request.query_string:
        raise InvalidField("POST takes its parameters in the JSON body, not in the address.")
    body = request.get_data()
    if len(body) > MAX_BODY_BYTES:
        abort(413)
    return body


def sent(content: PictureContent, status: int, mimetype: str) -> Response:
    """Return an answer with a picture's bytes."""
    answer = Response(to_the_end(content, g.request_id), status, mimetype=mimetype)
    answer.call_on_close(content.close)
    if content.length:
        answer.content_length = content.length
    return answer


def to_the_end(pieces: Iterable[bytes], request_id: str) -> Iterator[bytes]:
    """Yield a body's pieces; one that breaks off ends the connection, so that no client takes it for whole."""
    try:
        yield from pieces
    except ApiError as error:
        log.warning("%s broke off in the middle of its answer: %s", request_id, error)
        raise ConnectionResetError(errno.ECONNRESET, "the answer broke off") from None
