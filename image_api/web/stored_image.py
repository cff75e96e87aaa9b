"""The render worker's stored pictures, passed through, so that clients need only one address.

Conditional requests (ETag) and range requests are honoured; a picture whose file is gone is generated again.
"""

import re

from flask import Response, abort, g, request

from image_api.errors import PictureDeleted, PictureLostAgain, WorkerUnavailable
from image_api.generation.results import absolute_url
from image_api.outbound.reply import WorkerReply
from image_api.remote_pictures import PictureContent, length_of
from image_api.services import services
from image_api.web.bodies import content_response
from image_api.web.client_connection import waiter
from image_api.web.responses import base_url, json_response
from image_api.web.speculative_requests import is_for_preview, refuse_speculation
from render_worker.contract import IMAGE_TYPES, ErrorBody
from render_worker.serving.conditional_requests import settle_if_match, settle_range

CACHE_CONTROL = "public, max-age=31536000, immutable"  # a name is the hash of its content
CONTENT_RANGE = re.compile(r"bytes (?:[0-9]{1,9}-[0-9]{1,9}|\*)/(?:[0-9]{1,9}|\*)")
WHOLE_HEADERS = {"Accept-Ranges": re.compile("bytes|none")}
PART_HEADERS = {"Content-Range": CONTENT_RANGE}


def not_modified(name: str) -> Response | None:
    """Return 304 if the request's If-None-Match names the picture, or is `*` and the worker has it; else None.

    A name is the hash of the content, so only `*` costs the worker a request. Raises 412 if If-Match names others, and
    the worker has it: a missing one is 404 under any condition (RFC 9110, 13.2.1).
    """
    etag = _etag(name)
    if not settle_if_match(request.environ, etag) and _exists(name):
        abort(412)
    settle_range(request.environ, etag)
    tags = request.if_none_match
    known = _exists(name) if tags.star_tag else tags.contains_weak(etag)
    return _immutable(Response(status=304), etag) if known else None


def stored_image(name: str) -> Response | None:
    """Return the worker's picture or the part that is requested; None if the worker has no picture of that name.

    Raises PictureDeleted if the operator has deleted it, or WorkerUnavailable.
    """
    reply = _worker_reply(name)
    if reply is None:
        return None
    if reply.status_code == 416:
        reply.close()
        return _range_not_satisfiable(reply)
    return _immutable(_passed_through(reply, IMAGE_TYPES[name.rpartition(".")[2]]), _etag(name))


def regenerated_image(name: str) -> Response | None:
    """Generate a picture again whose file is gone, and return it or a redirect to it.

    A HEAD costs no generation, and gets the head of a picture. Returns None if the recipe is not known. Raises
    SpeculativeRequest if it is a prefetch's or a link-preview bot's, and PictureLostAgain.
    """
    refuse_speculation()
    if request.method == "HEAD":
        return _foreseen(name)
    address = f"/images/{name}"
    again = services().generation.regenerate(address, g.request_id, waiter())
    if again is None:
        return None
    if again.image_url != address:
        return _redirect(absolute_url(again.image_url, base_url()))
    if found := stored_image(name):
        return found
    raise PictureLostAgain


def _foreseen(name: str) -> Response | None:
    """Return the head of what a GET of a picture without a file returns, at no cost; None if it is gone for good."""
    address = f"/images/{name}"
    if replacement := services().generation.replacement_of(address):
        return _redirect(absolute_url(replacement.image_url, base_url()))
    if not services().generation.can_regenerate(address, g.client):
        return None
    response = Response(mimetype=IMAGE_TYPES[name.rpartition(".")[2]])
    response.automatically_set_content_length = False  # it would be that of no body
    return response


def _etag(name: str) -> str:
    return name.partition(".")[0]


def _exists(name: str) -> bool:
    with services().worker.image(name, "HEAD", {}, g.client, wake=not is_for_preview()) as reply:
        return reply.status_code == 200


def _worker_reply(name: str) -> WorkerReply | None:
    """Return the worker's reply with its body unread; None, and errors, as in stored_image."""
    part = request.headers.get("Range")
    headers = {"Range": part} if part else {}
    reply = services().worker.image(name, request.method, headers, g.client, wake=not is_for_preview())
    if reply.status_code == 200 or (part and _is_partial(reply)):
        return reply
    reply.close()
    if reply.status_code == 410:
        services().generation.forget(f"/images/{name}")
        raise PictureDeleted
    if reply.status_code != 404:
        raise WorkerUnavailable(f"The render worker answered HTTP {reply.status_code} instead of the picture.")
    return None


def _is_partial(reply: WorkerReply) -> bool:
    """Return whether it is a well-formed reply to a range request."""
    has_range = CONTENT_RANGE.fullmatch(reply.headers.get("Content-Range", "")) is not None
    return reply.status_code == 416 or (reply.status_code == 206 and has_range)


def _passed_through(reply: WorkerReply, mimetype: str) -> Response:
    if request.method == "HEAD":
        reply.close()
        response = Response(status=reply.status_code, mimetype=mimetype)
        response.automatically_set_content_length = False  # it would be that of no body
        if length := length_of(reply):
            response.content_length = length
    else:
        response = content_response(PictureContent(reply), reply.status_code, mimetype)
    response.headers.update(_range_headers(reply))
    return response


def _range_not_satisfiable(reply: WorkerReply) -> Response:
    error = ErrorBody(error="The picture has no such part.", code="range_not_satisfiable", request_id=g.request_id)
    response = json_response(error, 416)
    response.headers.update(_range_headers(reply))
    return response


def _range_headers(reply: WorkerReply) -> dict[str, str]:
    """Return the worker's headers about ranges that are well-formed and belong to a reply of that status."""
    known = WHOLE_HEADERS if reply.status_code == 200 else PART_HEADERS
    return {name: text for name, form in known.items() if form.fullmatch(text := reply.headers.get(name, ""))}


def _redirect(url: str) -> Response:
    return Response(status=302, headers={"Location": url, "Cache-Control": "no-store"})


def _immutable(response: Response, etag: str) -> Response:
    response.set_etag(etag)
    response.headers["Cache-Control"] = CACHE_CONTROL
    return response
