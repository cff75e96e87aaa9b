"""JSON bodies of requests, and bytes of pictures as bodies of responses."""

import errno
import logging
from collections.abc import Iterable, Iterator

from flask import Response, abort, g, request

from image_api.errors import ApiError
from image_api.remote_pictures import PictureContent
from render_worker.contract import MAX_BODY_BYTES, InvalidField, is_tracker

log = logging.getLogger(__name__)


def json_body() -> bytes:
    """Return the body of a POST whose parameters are all in it.

    Raises InvalidField if the URL has a query of other than trackers, and 413 if the body is too large: a chunked one
    does not announce its length, so the length is checked once it is read.
    """
    refuse_query()
    body = request.get_data()
    if len(body) > MAX_BODY_BYTES:
        abort(413)
    return body


def refuse_query() -> None:
    """Raise InvalidField if the URL of a POST has a query of other than trackers."""
    if request.query_string and not all(map(is_tracker, request.args)):
        raise InvalidField("POST takes its parameters in the body, not in the address.")


def content_response(content: PictureContent, status: int, mimetype: str) -> Response:
    """Return a response with a picture's bytes, streamed."""
    response = Response(reset_on_error(content, g.request_id), status, mimetype=mimetype)
    response.call_on_close(content.close)
    if content.length:
        response.content_length = content.length
    return response


def reset_on_error(chunks: Iterable[bytes], request_id: str) -> Iterator[bytes]:
    """Yield a body's chunks. Raises ConnectionResetError if it breaks off, so that no client takes it for complete."""
    try:
        yield from chunks
    except ApiError as error:
        log.warning("%s: response aborted: %s", request_id, error)
        raise ConnectionResetError(errno.ECONNRESET, "the response was aborted") from None
