"""/generate in an address bar: the page on which the picture comes about, in place of its JSON."""

from urllib.parse import unquote_plus

from flask import Response, request

from image_api.generation.options import GenerationOptions
from image_api.web.pages.html_pages import app_page, is_navigation, prefers_page
from image_api.web.public_cache import NEGOTIATED
from image_api.web.signed_links import is_signed
from image_api.web.speculative_requests import is_for_preview
from render_worker.contract import is_tracker

FORM_OF_RESPONSE = ("format", "response_format")  # by which a client says that it wants no page


def window_page() -> Response | None:
    """Return the page if a browser's window is to show it; None if the request says another form of response.

    It costs no generation: its script asks for the picture's events by the same query. A link to the picture alone, for
    browsers without scripts, is another address: one that was signed has none.
    """
    if not shows_window():
        return None
    return app_page("page.html", NEGOTIATED, starts=True, picture=None if is_signed() else _address_of_picture())


def shows_window() -> bool:
    """Return whether a browser's window is to show the page of a request for a picture."""
    if not (is_navigation() and prefers_page()) or is_for_preview():
        return False
    return not any(request.args.get(name, "").strip() for name in FORM_OF_RESPONSE)


def _address_of_picture() -> str | None:
    """Return the address of the picture alone, which is one: of several it is the first.

    None if the request has a parameter that it cannot have: it may be a credential, and is repeated nowhere.
    """
    kept = []
    for pair in request.query_string.decode("ascii", "replace").split("&"):
        name = unquote_plus(pair.partition("=")[0])
        if name in GenerationOptions.public_fields():
            kept += [pair] if name not in (*FORM_OF_RESPONSE, "n") else []
        elif pair and not is_tracker(name):
            return None
    return "generate?" + "&".join([*kept, "format=image"])
