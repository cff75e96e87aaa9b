"""JSON bodies of requests, and bytes of pictures as bodies of responses."""

import errno
import logging
import re
import sys
from collections.abc import Iterable, Iterator
from typing import IO, TypeVar

from flask import Response, g, request
from werkzeug.exceptions import RequestEntityTooLarge

from image_api.errors import ApiError
from image_api.remote_pictures import PictureContent
from render_worker.contract import MAX_BODY_BYTES, Fields, InvalidField, is_tracker

KEY = re.compile(rb'"([^"\\]{1,40})"\s*:')

log = logging.getLogger(__name__)
F = TypeVar("F", bound=Fields)


def json_fields(model: type[F]) -> F:
    """Return the fields of a POST whose parameters are all in its body, a JSON object.

    Raises InvalidField as they do, or if the URL has a query of other than trackers, and as `parsed`.
    """
    refuse_query()
    request.max_content_length = sys.maxsize  # `parsed` refuses what is too large, by what it begins with
    return parsed(begun_body(request.stream), model)


def begun_body(source: IO[bytes]) -> bytes:
    """Return the first MAX_BODY_BYTES of a body, and perhaps one more."""
    body = bytearray()
    while len(body) <= MAX_BODY_BYTES and (piece := source.read(MAX_BODY_BYTES + 1 - len(body))):
        body += piece
    return bytes(body)


def parsed(begun: bytes, model: type[F]) -> F:
    """Return the fields of a JSON object, of which only the beginning was read if it is too large.

    That is refused with 413, or with InvalidField if it has a field whose name is another one here: most often that is
    the picture that makes it so large.
    """
    if len(begun) <= MAX_BODY_BYTES:
        return model.parse_json(begun)
    for name in (key.decode(errors="replace") for key in KEY.findall(begun)):
        if name.lower() in model.other_names:
            raise model.unknown(name)
    raise RequestEntityTooLarge


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
