"""/p/<name>: a picture's page."""

from flask import Blueprint, Response

from image_api.errors import PictureDeleted, PictureGone
from image_api.web.api import HTML, JSON, Answer, describe
from image_api.web.api_answers import PAGE_HEADERS, WORKER
from image_api.web.pages.picture_page import picture_page
from image_api.web.schemas.picture_details import PictureDetails

routes = Blueprint("picture_pages", __name__)


@routes.get("/p/<image_name:name>")
@describe(
    {
        200: Answer(
            "A page; to a client that prefers JSON by name, what it shows.", {HTML: None, JSON: PictureDetails}
        ),
        404: Answer("There is no such picture, or its storage's link has expired.", {HTML: None}, PAGE_HEADERS),
        410: Answer("The operator deleted the picture.", {HTML: None}, PAGE_HEADERS),
        503: Answer(
            "The render worker knows the picture, and is not up.",
            {HTML: None},
            (*PAGE_HEADERS, "Refresh", "Retry-After"),
        ),
    },
    errors=(*WORKER, PictureGone, PictureDeleted),
)
def picture(name: str) -> Response:
    """Return the page of a picture by its name: its file, its recipe, and tags for link previews. It makes none."""
    return picture_page(name)
