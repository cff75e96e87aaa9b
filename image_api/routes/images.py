"""/images/<name>: the render worker's stored pictures."""

import re

from flask import Blueprint, Response, abort

from image_api.errors import PictureDeleted, PictureGone
from image_api.web.error_page import gone_page
from image_api.web.stored_image import not_modified, regenerated_image, stored_image
from render_worker.contract import IMAGE_NAME

routes = Blueprint("images", __name__)


@routes.get("/images/<name>")
def image(name: str) -> Response:
    """Return a picture by its name, which is the hash of its content; one whose file is gone is generated again."""
    if not re.fullmatch(IMAGE_NAME, name):
        abort(404)
    try:
        found = not_modified(name) or stored_image(name) or regenerated_image(name)
    except PictureDeleted as error:
        return gone_page(error)
    return found or gone_page(PictureGone())
