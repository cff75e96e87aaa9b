"""/generate in an address bar: the page on which the picture comes about, in place of its JSON."""

from urllib.parse import unquote_plus

from flask import Response, request

from image_api.web.content_negotiation import VARY
from image_api.web.pages.html_pages import app_page, is_navigation, prefers_page
from image_api.web.signed_links import is_signed
from image_api.web.speculative_requests import is_for_preview

FORM_OF_RESPONSE = ("format", "response_format")  # by which a client says that it wants no page


def window_page() -> Response | None:
    """Return the page if a browser's window is to show it; None if the request says another form of response.

    It costs no generation: its script asks for the picture's events by the same query. A link to the picture alone, for
    browsers without scripts, is another address: one that was signed has none.
    """
    if not shows_window():
        return None
    return app_page("page.html", VARY, starts=True, picture=None if is_signed() else _address_of_picture())


def shows_window() -> bool:
    """Return whether a browser's window is to show the page of a request for a picture."""
    if not (is_navigation() and prefers_page()) or is_for_preview():
        return False
    return not any(request.args.get(name, "").strip() for name in FORM_OF_RESPONSE)


def _address_of_picture() -> str:
    """Return the address of the picture alone, which is one: of several it is the first."""
    query = request.query_string.decode("ascii", "replace")
    taken = {*FORM_OF_RESPONSE, "n"}
    kept = [pair for pair in query.split("&") if pair and unquote_plus(pair.partition("=")[0]) not in taken]
    return "generate?" + "&".join([*kept, "format=image"])
