"""/status: the state of the service, for people. /badge.svg: the same for other people's pages."""

from flask import Blueprint, Response

from image_api.web.api import HTML, JSON, Answer, describe
from image_api.web.api_answers import PAGE_HEADERS
from image_api.web.pages.badge import badge
from image_api.web.pages.service_status import service_status
from image_api.web.pages.status_page import status_response
from image_api.web.schemas.status import ServiceStatus

routes = Blueprint("status", __name__)


@routes.get("/status")
@describe(
    {
        200: Answer(
            "A page; to a client that prefers JSON by name, the same.",
            {HTML: None, JSON: ServiceStatus},
            (*PAGE_HEADERS, "Refresh"),
        )
    }
)
def status() -> Response:
    """Return whether pictures can be made, and how each engine does. A worker that sleeps is not woken."""
    return status_response()


@routes.get("/badge.svg")
@describe({200: Answer("The badge.", {"image/svg+xml": None}, ("Content-Security-Policy",))})
def svg() -> Response:
    """Return a badge with the state of the last minute. A worker that sleeps is not woken."""
    return badge(service_status())
