"""JSON with pictures in it as base64, sent as they come: four of them would be a hundred megabytes in memory."""

import base64
import secrets
from collections.abc import Callable, Iterable, Iterator

from flask import Response, g

from image_api.errors import ApiError
from image_api.remote_pictures import PictureContent
from image_api.web.bodies import to_the_end
from image_api.web.file_response import opened
from render_worker.contract import GenerateResult

GROUP = 3  # bytes that base64 makes four letters of


def with_bytes(text: Callable[[list[str]], str], made: list[GenerateResult]) -> Response:
    """An answer of JSON, which `text` makes with a mark in the place of each picture."""
    contents: list[PictureContent] = []
    try:
        for result in made:
            contents.append(opened(result))  # noqa: PERF401 - those that were opened are closed again
    except ApiError:
        for content in contents:
            content.close()
        raise
    marks = [secrets.token_hex(16) for _ in made]
    filled = to_the_end(_filled(text(marks), marks, contents), g.request_id)
    answer = Response(filled, mimetype="application/json")
    answer.headers["Cache-Control"] = "no-store"
    for content in contents:
        answer.call_on_close(content.close)
    return answer


def _filled(text: str, marks: list[str], contents: list[PictureContent]) -> Iterator[bytes]:
    for mark, content in zip(marks, contents, strict=True):
        before, _, text = text.partition(mark)
        yield before.encode()
        yield from _encoded(content)
    yield text.encode() + b"\n"


def _encoded(chunks: Iterable[bytes]) -> Iterator[bytes]:
    rest = b""
    for chunk in chunks:
        rest += chunk
        whole = len(rest) - len(rest) % GROUP
        yield base64.b64encode(rest[:whole])
        rest = rest[whole:]
    yield base64.b64encode(rest)
