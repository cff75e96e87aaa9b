"""The deletion of a picture for the operator: its file at every render worker, and what this tier stores of it."""

import re

from flask import Response, abort, g

from image_api.dispatch.deletion import delete_picture
from image_api.services import services
from render_worker.contract import IMAGE_NAME


def deleted_picture(name: str) -> Response:
    """Delete the picture of a name, and return 204. Raises as `delete_picture`.

    What this tier knows of it is erased whatever the workers reply: it is not to be returned, or made again.
    """
    if not re.fullmatch(IMAGE_NAME, name):
        abort(404)
    try:
        delete_picture(services().worker, name, g.client)
    finally:
        services().generation.forget_name(name)
    return Response(status=204)
