"""JSON with pictures as base64, streamed: four of them would take a hundred megabytes of memory."""

import base64
import secrets
from collections.abc import Callable, Iterable, Iterator

from flask import Response, g

from image_api.errors import ApiError
from image_api.remote_pictures import PictureContent
from image_api.web.bodies import reset_on_error
from image_api.web.file_response import open_or_regenerate
from render_worker.contract import GenerateResult

GROUP_BYTES = 3  # that base64 encodes as four letters


def base64_response(json_with: Callable[[list[str]], str], results: list[GenerateResult]) -> Response:
    """Return a JSON response with the pictures of `results` in it.

    `json_with` returns the JSON text with the given placeholders, one for each picture, in the place of its bytes.
    """
    contents = _open_all(results)
    placeholders = [secrets.token_hex(16) for _ in results]
    chunks = _filled(json_with(placeholders), placeholders, contents)
    response = Response(reset_on_error(chunks, g.request_id), mimetype="application/json")
    response.headers["Cache-Control"] = "no-store"
    for content in contents:
        response.call_on_close(content.close)
    return response


def _open_all(results: list[GenerateResult]) -> list[PictureContent]:
    """Open every picture; if one cannot be opened, the others are closed again."""
    contents: list[PictureContent] = []
    try:
        for result in results:
            contents.append(open_or_regenerate(result)[1])  # noqa: PERF401 - those that were opened are closed again
    except ApiError:
        for content in contents:
            content.close()
        raise
    return contents


def _filled(text: str, placeholders: list[str], contents: list[PictureContent]) -> Iterator[bytes]:
    for placeholder, content in zip(placeholders, contents, strict=True):
        before, _, text = text.partition(placeholder)
        yield before.encode()
        yield from _encoded(content)
    yield text.encode() + b"\n"


def _encoded(chunks: Iterable[bytes]) -> Iterator[bytes]:
    rest = b""
    for chunk in chunks:
        rest += chunk
        whole = len(rest) - len(rest) % GROUP_BYTES
        yield base64.b64encode(rest[:whole])
        rest = rest[whole:]
    yield base64.b64encode(rest)
