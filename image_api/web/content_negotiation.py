"""Content negotiation of /generate: an event stream, the picture's bytes, a redirect to it, or JSON."""

import logging
import re

from flask import Response, g, request

from image_api.errors import SpeculativeRequest
from image_api.generation.options import GenerationOptions
from image_api.services import services
from image_api.web.client_connection import waiter
from image_api.web.event_stream import EVENT_STREAM, new_stream
from image_api.web.file_response import file_response
from image_api.web.responses import absolute_url, base_url, json_response
from render_worker.contract import GenerateResult, InvalidField

JSON = "application/json"
VARY = "Accept, Sec-Fetch-Dest"
SPECULATIVE = re.compile(r"\b(prefetch|prerender|preview)\b", re.IGNORECASE)
SPECULATIVE_HEADERS = ("HTTP_SEC_PURPOSE", "HTTP_PURPOSE", "HTTP_X_PURPOSE", "HTTP_X_MOZ")

log = logging.getLogger(__name__)


def response_without_generation(mimetype: str = JSON) -> Response | None:
    """Return the response to a HEAD request; None for a request that may cost a generation.

    Raises SpeculativeRequest if a browser prefetches or prerenders.
    """
    if request.method == "HEAD":
        return Response(status=200, headers={"Cache-Control": "no-store", "Vary": VARY}, mimetype=mimetype)
    if any(SPECULATIVE.search(request.environ.get(header, "")) for header in SPECULATIVE_HEADERS):
        raise SpeculativeRequest("A prefetch or prerender makes no picture.")
    return None


def file_options(ending: str, mimetype: str) -> GenerationOptions:
    """Return the query's options for a URL with a file's ending, whose response is the picture's bytes.

    Raises InvalidField if the query names a format too.
    """
    options = GenerationOptions.parse_query(request.query_string)
    for field in options.model_fields_set & {"format", "output_format"}:
        raise InvalidField(f"{field} cannot be given to an address that ends with .{ending}.")
    return options.model_copy(update={"format": "image", "output_format": mimetype.removeprefix("image/")})


def negotiated_response(options: GenerationOptions) -> Response:
    """Generate a picture, and return it in the form that the request names or its headers prefer."""
    if options.format is None and wants_events():
        return new_stream(options)
    base = base_url()  # first, so that a bad Host header costs no generation
    made = services().generation.generate(options, g.request_id, waiter())
    if made.source == "MISS":
        log.info("%s %s made in %d ms", g.request_id, made.result.engine, made.result.duration_ms)
    response = file_response(made, base) if options.format == "image" else _url_response(made.result, base, options)
    response.headers["Vary"] = VARY
    response.headers["X-Cache"] = made.source
    return response


def wants_events() -> bool:
    """Return whether the client prefers server-sent events to JSON."""
    if EVENT_STREAM not in request.headers.get("Accept", "").lower():
        return False  # nearly always; parsing the whole header takes a tenth of a cached response's time
    return request.accept_mimetypes.best_match((JSON, EVENT_STREAM)) == EVENT_STREAM


def wants_redirect(options: GenerationOptions) -> bool:
    """Return whether the client can show a picture and nothing else, as an <img> tag does."""
    if options.format:
        return options.format == "redirect"
    if request.headers.get("Sec-Fetch-Dest") == "image":
        return True
    accepted = {mimetype.lower(): quality for mimetype, quality in request.accept_mimetypes}
    picture = max((quality for mimetype, quality in accepted.items() if mimetype.startswith("image/")), default=0)
    return picture > accepted.get(JSON, 0) and "text/html" not in accepted


def _url_response(result: GenerateResult, base: str, options: GenerationOptions) -> Response:
    """Return the result as JSON, and as a redirect to the picture if the client prefers one."""
    url = absolute_url(result.image_url, base)
    response = json_response(result, image_url=url)
    if wants_redirect(options):
        response.status_code = 303 if request.method == "POST" else 302
        response.headers["Location"] = url
    return response
