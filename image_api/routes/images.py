"""/images/<name>: the render worker's pictures, handed through, so that callers need only one address."""

import re

import requests
from flask import Blueprint, Response, abort, g, request

from image_api.errors import PictureDeleted, WorkerUnavailable
from image_api.routes.answers import absolute, base_address
from image_api.routes.parts import dispatch, generation
from image_api.routes.waiting import waiter
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
    reply = _of_worker(name)
    if reply is None and request.method == "GET":
        again = generation().make_again(f"/images/{name}", g.request_id, waiter())
        if again and again.image_url != f"/images/{name}":
            return _redirect(absolute(again.image_url, base_address()))
        reply = _of_worker(name) if again else None
    if reply is None:
        abort(404)
    body = reply.raw.stream(CHUNK_BYTES, decode_content=False)
    answer = Response(body, reply.status_code, mimetype=IMAGE_TYPES[ending])
    answer.call_on_close(reply.close)
    answer.headers.update({header: reply.headers[header] for header in PASSED_ON if header in reply.headers})
    if reply.status_code == 416:
        answer.headers["Cache-Control"] = "no-store"
        return answer
    return _immutable(answer, etag)


def _redirect(address: str) -> Response:
    """Where a picture is now."""
    return Response(status=302, headers={"Location": address, "Cache-Control": "no-store"})


def _of_worker(name: str) -> requests.Response | None:
    """The worker's reply with the picture, its body unread; None where it has none of that name, PictureDeleted where
    the operator wanted it so.
    """
    wanted = {header: text for header in ASKED_FOR if SAFE.fullmatch(text := request.headers.get(header, ""))}
    reply = dispatch().image(name, request.method, wanted, g.client)
    if reply.status_code in (200, 206, 416):
        return reply
    reply.close()
    if reply.status_code == 410:
        generation().forget(f"/images/{name}")
        raise PictureDeleted
    if reply.status_code != 404:
        raise WorkerUnavailable(f"The render worker answered HTTP {reply.status_code} instead of the picture.")
    return None


def _immutable(answer: Response, etag: str) -> Response:
    answer.set_etag(etag)
    answer.headers["Cache-Control"] = CACHE_CONTROL
    answer.headers["X-Content-Type-Options"] = "nosniff"
    return answer
