"""/: what this service does and how to use it, as JSON."""

from flask import Blueprint, Response

from image_api.web.responses import base_url, json_response
from image_api.web.schemas.documentation import Documentation

routes = Blueprint("pages", __name__)


@routes.get("/")
def documentation() -> Response:
    """Return documentation with examples that run against the URL of the request."""
    return json_response(Documentation.at(base_url()))
