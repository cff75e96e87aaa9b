"""DELETE /images/<name>: the operator deletes a picture."""

from flask import Blueprint, Response

from image_api.errors import DeletionUnsupported, PictureDeleted, PictureGone
from image_api.web.access import require_admin
from image_api.web.api import Answer, describe
from image_api.web.api_answers import WORKER
from image_api.web.deletion import deleted_picture

routes = Blueprint("deletion", __name__)


@routes.delete("/images/<name>")
@describe({204: Answer("It is deleted.")}, errors=(*WORKER, PictureGone, PictureDeleted, DeletionUnsupported))
def delete_image(name: str) -> Response:
    """Delete a picture from every storage of every render worker, for the operator; its address returns 410 then.

    The name is that of its page, also if its file is at a storage outside. What is stored of it, such as its recipe, is
    erased, so that it is not made again when its address is fetched.
    """
    require_admin()
    return deleted_picture(name)
