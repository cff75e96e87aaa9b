"""/stream/generate/txt2img: a WebSocket whose messages are requests, answered one after the other."""

from flask import Blueprint, Response

from image_api.errors import NotForPreviews, ServiceBusy, TooManyStreams
from image_api.generation.options import GenerationOptions
from image_api.services import services
from image_api.web.api import JSON, describe
from image_api.web.client_connection import waiter
from image_api.web.responses import base_url
from image_api.web.schemas.pictures import IndexedProgress, PictureErrorLine, PictureLine, PicturesLine, SessionProgress
from image_api.web.websocket_errors import BadHandshake, UpgradeRequired
from render_worker.contract import ErrorLine, ResultLine

WEBSOCKET_PATH = "/stream/generate/txt2img"

routes = Blueprint("websocket", __name__)


@routes.route(WEBSOCKET_PATH, websocket=True)
@describe(
    body={JSON: GenerationOptions},
    messages=(SessionProgress, ResultLine, IndexedProgress, PictureLine, PictureErrorLine, PicturesLine, ErrorLine),
)
def txt2img() -> Response:
    """Generate a picture for each message, a body of POST /generate; its events come back as messages."""
    from image_api.web.websocket_session import ConnectionOver, serve_session  # with asyncio: a tenth of the start

    base_url()  # first, so that a bad Host header is refused by an HTTP status
    here = waiter(stream=True)
    services().generation.admission.admit(here)  # before the handshake, for the same reason
    try:
        serve_session(here)
    finally:
        services().generation.admission.release(here)
    return ConnectionOver()


@routes.get(WEBSOCKET_PATH)
@describe(
    errors=(UpgradeRequired, NotForPreviews, ServiceBusy, TooManyStreams, BadHandshake),
    summary="Open a WebSocket; a plain request is refused.",
)
def plain_request() -> Response:
    """Raise UpgradeRequired: a plain GET is no WebSocket handshake."""
    raise UpgradeRequired("This address is a WebSocket; GET /generate is there for a plain request.")
