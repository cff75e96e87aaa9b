"""/generate in an address bar: the page on which the picture comes about, in place of its JSON."""

from flask import Response, request

from image_api.web.content_negotiation import VARY
from image_api.web.html_pages import app_page, is_navigation
from image_api.web.speculative_requests import is_for_preview

FORM_OF_RESPONSE = ("format", "response_format")  # by which a client says that it wants no page


def window_page() -> Response | None:
    """Return the page if a browser's window is to show it; None if the request says another form of response.

    It costs no generation: its script asks for the picture's events by the same query.
    """
    if not is_navigation() or is_for_preview() or any(request.args.get(name) for name in FORM_OF_RESPONSE):
        return None
    return app_page("page.html", VARY, starts=True)
