"""An error as a page for a browser's address bar: what happened, and what to do next."""

from flask import Flask, Response, request
from werkzeug.exceptions import NotFound

from image_api.dispatch.cold_start import WorkerStarting
from image_api.errors import ApiError
from image_api.services import services
from image_api.web.error_responses import family_of, http_error_response, log_failure
from image_api.web.pages.html_pages import is_navigation, plain_page, prefers_page
from image_api.web.pages.texts import language, texts
from image_api.web.responses import base_url, set_retry_after

VARY = "Accept, Sec-Fetch-Dest"
LOOK_AGAIN_SECONDS = 10
WAKING, NOWHERE = "waking", "nowhere"  # beside the codes of errors, among the texts


def register(app: Flask) -> None:
    """Respond to an address that is none by a page in a browser's window."""
    app.register_error_handler(NotFound, _nowhere)


def _nowhere(error: NotFound) -> Response:
    """Return a page to a browser's window, and to all other clients the error as their family of routes has it."""
    if is_navigation() and prefers_page() and not family_of(request.path):
        words = texts(language())["pages"]["errors"][NOWHERE]
        return plain_page("error.html", VARY, error.code, **words, base=base_url())
    response = http_error_response(error)
    response.headers["Vary"] = VARY
    return response


def gone_page(error: ApiError) -> Response:
    """Return the page of an error. Raises the error again, for its JSON, unless the client prefers a page."""
    if not prefers_page():
        raise error
    return error_page(error)


def error_page(error: ApiError) -> Response:
    """Return the page of an error. If the render worker is being woken, the page looks again by itself."""
    body = log_failure(error)
    code = WAKING if isinstance(error, WorkerStarting) else body.code
    known = texts(language())["pages"]["errors"]
    words = known.get(code) or {**known["other"], "sentence": body.error, "what_next": body.hint}
    seconds = services().worker.expected_wake_seconds
    page = plain_page("error.html", VARY, error.status, **words, seconds=str(seconds), base=base_url())
    set_retry_after(page, body.retry_after)
    if code == WAKING:
        page.headers["Refresh"] = str(LOOK_AGAIN_SECONDS)
    return page
