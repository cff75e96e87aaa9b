"""/images/<name>: the render worker's pictures, handed through, so that callers need only one address."""

import re

from flask import Blueprint, Response, abort, current_app, g, request

from image_api.dispatch.direct import DirectDispatch
from image_api.errors import WorkerUnavailable
from image_api.generation import Generation
from image_api.routes.answers import absolute, base_address
from render_worker.contract import IMAGE_NAME, IMAGE_TYPES

CHUNK_BYTES = 64 * 1024
CACHE_CONTROL = "public, max-age=31536000, immutable"  # a name means one content for ever
PASSED_ON = ("Content-Length", "Content-Range", "Accept-Ranges")
ASKED_FOR = ("Range", "If-Range")
SAFE = re.compile(r"[!-~]{1,200}")  # what may be passed on

routes = Blueprint("images", __name__)


@routes.get("/images/<name>")
def image(name: str) -> Response:
    """A picture by its content's name; a caller who has it already is told so without asking the worker."""
    if not re.fullmatch(IMAGE_NAME, name):
        abort(404)
    etag, _, ending = name.partition(".")
    if etag in request.if_none_match.as_set():
        return _immutable(Response(status=304), etag)
    wanted = {header: text for header in ASKED_FOR if SAFE.fullmatch(text := request.headers.get(header, ""))}
    dispatch: DirectDispatch = current_app.extensions["dispatch"]
    reply = dispatch.image(name, request.method, wanted)
    if reply.status_code not in (200, 206, 416):
        reply.close()
        if reply.status_code == 404:
            return _made_again(name)
        raise WorkerUnavailable(f"The render worker answered HTTP {reply.status_code} instead of the picture.")
    body = reply.raw.stream(CHUNK_BYTES, decode_content=False)
    answer = Response(body, reply.status_code, mimetype=IMAGE_TYPES[ending])
    answer.call_on_close(reply.close)
    answer.headers.update({header: reply.headers[header] for header in PASSED_ON if header in reply.headers})
    if reply.status_code == 416:
        answer.headers["Cache-Control"] = "no-store"
        return answer
    return _immutable(answer, etag)


def _made_again(name: str) -> Response:
    """A redirect to a picture of the same recipe in place of one whose file is gone, where the recipe is known."""
    generation: Generation = current_app.extensions["generation"]
    result = generation.make_again(name, g.request_id) if request.method == "GET" else None
    if result is None:
        abort(404)
    return Response(
        status=302, headers={"Location": absolute(result.image_url, base_address()), "Cache-Control": "no-store"}
    )


def _immutable(answer: Response, etag: str) -> Response:
    answer.set_etag(etag)
    answer.headers["Cache-Control"] = CACHE_CONTROL
    answer.headers["X-Content-Type-Options"] = "nosniff"
    return answer
