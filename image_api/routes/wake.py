"""/wake: begin the cold start of a worker that sleeps. /wake.gif: the same for an <img> tag."""

from flask import Blueprint, Response, g

from image_api.services import services
from image_api.web.api import JSON, Answer, describe
from image_api.web.api_answers import SPECULATION, WORKER
from image_api.web.pages.html_pages import is_navigation
from image_api.web.pages.status_page import wake_for_page
from image_api.web.responses import json_response, set_retry_after
from image_api.web.schemas.health import WakeStatus

WAKE_WAIT_SECONDS = 2.0
# One transparent pixel: https://www.w3.org/Graphics/GIF/spec-gif89a.txt
PIXEL = bytes.fromhex("47494638396101000100800000000000ffffff21f90401000000002c000000000100010000020144003b")

routes = Blueprint("wake", __name__)


@routes.get("/wake")
@describe(
    {
        200: Answer("The worker is awake.", {JSON: WakeStatus}),
        303: Answer("In an address bar: the page that says how far it is.", {}, ("Location",)),
        202: Answer("It has begun to start.", {JSON: WakeStatus}, ("Retry-After",)),
    },
    errors=(*WORKER, *SPECULATION),
)
def wake() -> Response:
    """Return 200 if the worker is awake, 202 during its cold start, with the seconds that this is expected to take."""
    if is_navigation():
        return wake_for_page()
    health = services().worker.wake(WAKE_WAIT_SECONDS, g.client)
    if health:
        return json_response(WakeStatus(status="awake", expected_seconds=0, worker=health.status))
    expected = services().worker.expected_wake_seconds
    response = json_response(WakeStatus(status="waking", expected_seconds=expected), 202)
    set_retry_after(response, expected)
    return response


@routes.get("/wake.gif")
@describe({200: Answer("One transparent pixel.", {"image/gif": None})}, errors=WORKER)
def pixel() -> Response:
    """Return a transparent pixel at once, for a page whose visitor will soon want a picture."""
    services().worker.wake(0, g.client)
    return Response(PIXEL, headers={"Cache-Control": "no-store"}, mimetype="image/gif")
