"""/openapi.json: this API as a document for programs, OpenAPI 3.1."""

from flask import Blueprint, Response

from image_api.web.api import JSON, Answer, describe
from image_api.web.openapi.response import openapi_response

routes = Blueprint("openapi", __name__)


@routes.get("/openapi.json")
@describe(
    {
        200: Answer("The document.", {JSON: None}, ("ETag", "Content-Encoding")),
        304: Answer("It is the one that If-None-Match names.", {}, ("ETag", "Content-Encoding")),
    },
    request_headers=("If-None-Match",),
)
def document() -> Response:
    """Return the OpenAPI document of this service, whose `servers` has the address of the request."""
    return openapi_response()
