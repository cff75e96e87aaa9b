"""DELETE /images/<name>: the operator deletes a picture from every storage of this worker."""

import logging
import re

from flask import Blueprint, Response, abort

from render_worker.contract import IMAGE_NAME
from render_worker.errors import DeadlinePassed, PictureDeleted, Unauthorized
from render_worker.routes.current import current_services, is_trusted
from render_worker.storages.deletion import delete_by_name
from render_worker.storages.local.tombstones import was_deleted

DELETION_SECONDS = 60.0  # the storages are asked one after the other

log = logging.getLogger(__name__)
deletion = Blueprint("deletion", __name__)


@deletion.delete("/images/<name>")
def delete_image(name: str) -> Response:
    """Delete a picture and leave a tombstone: 204, or 404 if no storage had it, or 410 if it was deleted before.

    Raises Unauthorized if the client is a stranger, and as `delete_by_name`.
    """
    if not is_trusted():
        raise Unauthorized("WORKER_TOKEN has to be set, and sent as a bearer token, for this.")
    if not re.fullmatch(IMAGE_NAME, name):
        abort(404)
    deleted_before = was_deleted(current_services().settings.local_storage_dir.resolve(), name)
    if not _delete(name):
        if deleted_before:
            raise PictureDeleted("This picture was deleted before.")
        abort(404)
    log.info("picture %s: deleted by request", name)
    return Response(status=204)


def _delete(name: str) -> bool:
    services = current_services()
    try:
        return services.runtime.run(delete_by_name(services.storages, name), DELETION_SECONDS)
    except DeadlinePassed:
        raise DeadlinePassed(f"The storages took longer than {DELETION_SECONDS:.3g} seconds; try again.") from None
