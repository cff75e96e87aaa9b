"""/images/<name>: the render worker's stored pictures."""

import re

from flask import Blueprint, Response, abort

from image_api.errors import PictureDeleted, PictureGone
from image_api.web.api import HTML, Answer, describe
from image_api.web.api_answers import HEALING, PAGE_HEADERS, STORED_HEADERS, TYPES
from image_api.web.pages.error_page import gone_page
from image_api.web.stored_image import not_modified, regenerated_image, stored_image
from render_worker.contract import IMAGE_NAME

routes = Blueprint("images", __name__)


@routes.get("/images/<name>")
@describe(
    {
        200: Answer("The picture.", dict.fromkeys(TYPES), STORED_HEADERS),
        206: Answer("The part that `Range` names.", dict.fromkeys(TYPES), (*STORED_HEADERS, "Content-Range")),
        302: Answer("The picture was made again, under another name.", {}, ("Location",)),
        304: Answer("The picture is the one that If-None-Match names.", {}, STORED_HEADERS),
        404: Answer("There is no such picture, or no longer.", {HTML: None}, PAGE_HEADERS),
        410: Answer("The operator deleted the picture.", {HTML: None}, PAGE_HEADERS),
        416: Answer("The picture has no such part.", {}, ("Content-Range",)),
    },
    request_headers=("Range", "If-None-Match", "If-Match", "If-Range"),
    errors=(*HEALING, PictureGone, PictureDeleted, 412, 416),
)
def image(name: str) -> Response:
    """Return a picture by its name, which is the hash of its content; one whose file is gone is generated again."""
    if not re.fullmatch(IMAGE_NAME, name):
        abort(404)
    try:
        found = not_modified(name) or stored_image(name) or regenerated_image(name)
    except PictureDeleted as error:
        return gone_page(error)
    return found or gone_page(PictureGone())
