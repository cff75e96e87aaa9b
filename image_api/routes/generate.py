"""/generate: a prompt in, the address of a picture out. /models: the names that `model` accepts."""

import logging
import re
from collections.abc import Callable

from flask import Blueprint, Response, g, request

from image_api.errors import SpeculativeRequest
from image_api.generation.options import GenerationOptions
from image_api.routes.streams import followed, resumed, wants_events
from image_api.services import services
from image_api.web.bodies import json_body
from image_api.web.client_connection import waiter
from image_api.web.disclosure import shown_models
from image_api.web.file_response import picture
from image_api.web.responses import absolute, as_json, base_address
from render_worker.contract import IMAGE_TYPES, GenerateResult, InvalidField

VARY = "Accept, Sec-Fetch-Dest"
SPECULATIVE = re.compile(r"\b(prefetch|prerender|preview)\b", re.IGNORECASE)
SPECULATIVE_HEADERS = ("HTTP_SEC_PURPOSE", "HTTP_PURPOSE", "HTTP_X_PURPOSE", "HTTP_X_MOZ")

log = logging.getLogger(__name__)
routes = Blueprint("generate", __name__)


@routes.get("/generate")
def by_query() -> Response:
    """Make a picture from the query's parameters."""
    return _by_query(lambda: GenerationOptions.parse_query(request.query_string))


@routes.get("/generate.<any(png, jpg, jpeg, webp):ending>")
def by_name(ending: str) -> Response:
    """The same, and the answer is the picture itself, of the format that the address names."""
    mimetype = IMAGE_TYPES[ending.replace("jpeg", "jpg")]

    def wanted() -> GenerationOptions:
        asked = GenerationOptions.parse_query(request.query_string)
        for field in asked.model_fields_set & {"format", "output_format"}:
            raise InvalidField(f"{field} cannot be given to an address that ends with .{ending}.")
        return asked.model_copy(update={"format": "image", "output_format": mimetype.removeprefix("image/")})

    return _by_query(wanted, mimetype)


def _by_query(wanted: Callable[[], GenerationOptions], mimetype: str = "application/json") -> Response:
    """Make what is wanted. HEAD and guesses of a browser never cost a generation, and a lost stream is resumed."""
    if request.method == "HEAD":
        return Response(status=200, headers={"Cache-Control": "no-store", "Vary": VARY}, mimetype=mimetype)
    if any(SPECULATIVE.search(request.environ.get(header, "")) for header in SPECULATIVE_HEADERS):
        raise SpeculativeRequest("A prefetch or prerender makes no picture.")
    return resumed() or _made(wanted())


@routes.post("/generate")
def by_body() -> Response:
    """Make a picture from the same fields in a JSON object."""
    return resumed() or _made(GenerationOptions.parse_json(json_body()))


@routes.get("/models")
def models() -> Response:
    """The names that `model` accepts, asked of the render worker."""
    return as_json(shown_models(services().worker.models(g.client)))


def _made(wanted: GenerationOptions) -> Response:
    if wanted.format is None and wants_events():
        return followed(wanted)
    base = base_address()  # first, so that a bad Host header costs no generation
    made = services().generation.generate(wanted, g.request_id, waiter())
    if made.source == "MISS":
        log.info("%s %s made in %d ms", g.request_id, made.result.engine, made.result.duration_ms)
    answer = picture(made, base) if wanted.format == "image" else _told(made.result, base, wanted)
    answer.headers["Vary"] = VARY
    answer.headers["X-Cache"] = made.source
    return answer


def _told(result: GenerateResult, base: str, wanted: GenerationOptions) -> Response:
    address = absolute(result.image_url, base)
    answer = as_json(result, image_url=address)
    if _wants_picture(wanted):
        answer.status_code = 303 if request.method == "POST" else 302
        answer.headers["Location"] = address
    return answer


def _wants_picture(wanted: GenerationOptions) -> bool:
    """Whether the caller can show a picture and nothing else, as an <img> tag does."""
    if wanted.format:
        return wanted.format == "redirect"
    if request.headers.get("Sec-Fetch-Dest") == "image":
        return True
    accepted = {kind.lower(): quality for kind, quality in request.accept_mimetypes}
    picture = max((quality for kind, quality in accepted.items() if kind.startswith("image/")), default=0)
    return picture > accepted.get("application/json", 0) and "text/html" not in accepted
