"""/v1/images/generate: a prompt in a named style and an aspect ratio. /v1/styles: the styles. /v1/health."""

from flask import Response, g

from image_api.services import services
from image_api.styles import STYLES
from image_api.web.api import JSON, Answer, describe
from image_api.web.api_answers import BODIES, MAKING, OPENING
from image_api.web.base64_json import pictures_json
from image_api.web.bodies import json_fields
from image_api.web.client_connection import waiter
from image_api.web.error_responses import FormattedBlueprint
from image_api.web.picture_json import with_picture
from image_api.web.responses import base_url, json_response
from image_api.web.schemas.health import StyledHealth
from image_api.web.schemas.styled import StyledError, StyledRequest, StyledResponse, StyleList

GENERATE_PATH, STYLES_PATH, HEALTH_PATH = "/v1/images/generate", "/v1/styles", "/v1/health"

routes = FormattedBlueprint(
    "styled", __name__, error_format=StyledError, error_paths=(GENERATE_PATH, STYLES_PATH, HEALTH_PATH)
)


@routes.post(GENERATE_PATH)
@describe(
    {200: Answer("The picture.", {JSON: StyledResponse}, ("X-Cache",))},
    body={JSON: StyledRequest},
    examples={"a style and a ratio": {"prompt": "a lighthouse", "style": "watercolor", "aspect_ratio": "16:9"}},
    errors=(*MAKING, *OPENING, *BODIES),
)
def generate() -> Response:
    """Generate a picture of a prompt in a style and an aspect ratio."""
    base = base_url()  # first, so that a bad Host header costs no generation
    body = json_fields(StyledRequest)
    response = services().generation.generate(body.options(), g.request_id, waiter())
    if body.response_format == "b64_json":
        result, picture = with_picture(response)
        http_response = pictures_json(StyledResponse.of(body, result, base, g.request_id), [picture])
    else:
        http_response = json_response(StyledResponse.of(body, response.result, base, g.request_id))
    http_response.headers["X-Cache"] = response.cache_status
    return http_response


@routes.get(STYLES_PATH)
@describe(StyleList)
def styles() -> Response:
    """Return the styles, with their templates of a prompt."""
    return json_response(StyleList(styles=list(STYLES.values())))


@routes.get(HEALTH_PATH)
@describe(StyledHealth)
def health() -> Response:
    """Return at once that this tier is up; /health and /ready say more."""
    return json_response(StyledHealth())
