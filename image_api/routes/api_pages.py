"""/docs: Swagger UI. /redoc: ReDoc. /vendor/<version>/<name>: the scripts and styles that both load."""

from flask import Blueprint, Response

from image_api.web.api import describe
from image_api.web.api_answers import PAGE
from image_api.web.pages.api_pages import redoc_page, swagger_page
from image_api.web.pages.vendored_files import vendored_file

routes = Blueprint("api_pages", __name__)


@routes.get("/docs", strict_slashes=False)
@describe(PAGE)
def docs() -> Response:
    """Return a page on which each request of this service can be tried out."""
    return swagger_page()


@routes.get("/redoc", strict_slashes=False)
@describe(PAGE)
def redoc() -> Response:
    """Return a page on which the same reads well."""
    return redoc_page()


@routes.get("/vendor/<version>/<name>")
@describe(hidden=True)
def vendored(version: str, name: str) -> Response:
    """Return a file of Swagger UI or ReDoc."""
    return vendored_file(version, name)
