"""/static/<version>/<name>: the scripts, styles and icons of the pages."""

from flask import Blueprint, Response

from image_api.web.api import describe
from image_api.web.pages.static_files import static_file

routes = Blueprint("static_files", __name__)


@routes.get("/static/<version>/<path:name>")
@describe(hidden=True)
def file(version: str, name: str) -> Response:
    """Return a file; `version` is the digest of all."""
    return static_file(version, name)
