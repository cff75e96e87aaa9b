"""/p/<name>: a picture's page."""

from flask import Blueprint, Response

from image_api.web.picture_page import picture_page

routes = Blueprint("picture_pages", __name__)


@routes.get("/p/<name>")
def picture(name: str) -> Response:
    """Return the page of a picture by its name: its file, its recipe, and tags for link previews. It makes none."""
    return picture_page(name)
