"""/requests/<request_id>: the requests in flight, each of which its own client can cancel."""

from flask import Blueprint, Response

from image_api.errors import RequestOver
from image_api.services import services
from image_api.web.api import describe
from image_api.web.api_answers import COSTS, SPECULATION
from image_api.web.responses import json_response
from image_api.web.schemas.requests import Cancellation
from image_api.web.speculative_requests import refuse_prefetch

routes = Blueprint("requests", __name__)


@routes.delete("/requests/<request_id>")
@describe(Cancellation, errors=(RequestOver, *SPECULATION, *COSTS))
def cancel(request_id: str) -> Response:
    """Cancel the request whose response had this X-Request-ID, and what is made for it alone."""
    refuse_prefetch()
    status = services().generation.cancellations.cancel(request_id)
    return json_response(Cancellation(request_id=request_id, status=status))
