"""/images/<name>: the render worker's pictures, handed through, so that callers need only one address."""

import re

import requests
from flask import Blueprint, Response, abort, g, request

from image_api.errors import PictureDeleted, WorkerUnavailable
from image_api.remote_pictures import PictureContent, length_of
from image_api.services import services
from image_api.web.bodies import sent
from image_api.web.client_connection import waiter
from image_api.web.responses import absolute, as_json, base_address
from render_worker.contract import IMAGE_NAME, IMAGE_TYPES, ErrorBody

CACHE_CONTROL = "public, max-age=31536000, immutable"  # a name means one content for ever
CONTENT_RANGE = re.compile(r"bytes (?:[0-9]{1,9}-[0-9]{1,9}|\*)/(?:[0-9]{1,9}|\*)")
RANGES = {"Accept-Ranges": re.compile("bytes|none")}
CONTENT_RANGES = {"Content-Range": CONTENT_RANGE}
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
        again = services().generation.regenerate(f"/images/{name}", g.request_id, waiter())
        if again and again.image_url != f"/images/{name}":
            return _redirect(absolute(again.image_url, base_address()))
        reply = _of_worker(name) if again else None
    if reply is None:
        abort(404)
    if reply.status_code == 416:
        reply.close()
        return _no_such_part(reply)
    return _immutable(_handed_through(reply, IMAGE_TYPES[ending]), etag)


def _handed_through(reply: requests.Response, mimetype: str) -> Response:
    """The worker's picture, or a part of it."""
    if request.method == "HEAD":
        reply.close()
        answer = Response(status=reply.status_code, mimetype=mimetype)
        if length := length_of(reply):
            answer.content_length = length
    else:
        answer = sent(PictureContent(reply), reply.status_code, mimetype)
    answer.headers.update(_of_parts(reply))
    return answer


def _no_such_part(reply: requests.Response) -> Response:
    error = ErrorBody(error="The picture has no such part.", code="range_not_satisfiable", request_id=g.request_id)
    answer = as_json(error, 416)
    answer.headers.update(_of_parts(reply))
    return answer


def _is_of_a_part(reply: requests.Response) -> bool:
    told = CONTENT_RANGE.fullmatch(reply.headers.get("Content-Range", "")) is not None
    return reply.status_code == 416 or (reply.status_code == 206 and told)


def _of_parts(reply: requests.Response) -> dict[str, str]:
    """What the worker says of ranges, if it is well-formed and belongs to such an answer."""
    known = RANGES if reply.status_code == 200 else CONTENT_RANGES
    return {name: text for name, form in known.items() if form.fullmatch(text := reply.headers.get(name, ""))}


def _redirect(address: str) -> Response:
    """Where a picture is now."""
    return Response(status=302, headers={"Location": address, "Cache-Control": "no-store"})


def _of_worker(name: str) -> requests.Response | None:
    """The worker's reply with the picture, its body unread; None where it has none of that name, PictureDeleted where
    the operator wanted it so.
    """
    wanted = {header: text for header in ASKED_FOR if SAFE.fullmatch(text := request.headers.get(header, ""))}
    reply = services().worker.image(name, request.method, wanted, g.client)
    if reply.status_code == 200 or ("Range" in wanted and _is_of_a_part(reply)):
        return reply
    reply.close()
    if reply.status_code == 410:
        services().generation.forget(f"/images/{name}")
        raise PictureDeleted
    if reply.status_code != 404:
        raise WorkerUnavailable(f"The render worker answered HTTP {reply.status_code} instead of the picture.")
    return None


def _immutable(answer: Response, etag: str) -> Response:
    answer.set_etag(etag)
    answer.headers["Cache-Control"] = CACHE_CONTROL
    return answer
