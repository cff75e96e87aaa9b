"""The state of the service as a page for people, or as JSON for a client that prefers it."""

import contextlib

from flask import Response, g, request

from image_api.errors import ApiError
from image_api.services import services
from image_api.web.pages.html_pages import plain_page, prefers_json
from image_api.web.pages.moments import moment, seconds_text
from image_api.web.pages.service_status import State, service_status
from image_api.web.responses import base_url, json_response
from image_api.web.schemas.status import ServiceStatus
from image_api.web.speculative_requests import refuse_prefetch

VARY = "Accept"
WAKE_WAIT_SECONDS = 1.0  # a worker that is up answers sooner
LOOK_AGAIN_SECONDS = 5


def status_response() -> Response:
    """Return the state of the last minute."""
    status = service_status()
    if not prefers_json():
        return _page(status)
    response = json_response(status)
    response.headers["Vary"] = VARY
    return response


def wake_for_page() -> Response:
    """Begin the cold start of a worker that sleeps, and lead to the page that says how far it is.

    A HEAD begins none. Raises SpeculativeRequest if a browser prefetches or prerenders.
    """
    refuse_prefetch()
    if request.method != "HEAD":
        with contextlib.suppress(ApiError):  # of which the page tells
            services().worker.wake(WAKE_WAIT_SECONDS, g.client)
    return Response(status=303, headers={"Location": f"{base_url()}/status", "Vary": "Sec-Fetch-Dest"})


def _page(status: ServiceStatus) -> Response:
    page = plain_page(
        "status.html",
        VARY,
        state=status,
        up_since=moment(status.up_since),
        last_contact=moment(status.last_contact),
        in_words=seconds_text,
        canonical=f"{base_url()}/status",
    )
    if status.status == State.WAKING:
        page.headers["Refresh"] = str(LOOK_AGAIN_SECONDS)
    return page
