"""The answer for a picture that is gone for good: a page for a browser's address bar, JSON for every other client."""

from flask import Response, request

from image_api.errors import PictureDeleted, PictureGone
from image_api.web.html_pages import html_page
from image_api.web.responses import base_url

JSON = "application/json"
HTML = "text/html"


def gone_page(error: PictureGone | PictureDeleted) -> Response:
    """Return the page that says so. Raises the error again, for its JSON, unless the client prefers a page."""
    if not _wants_page():
        raise error
    sentence = " ".join(filter(None, (str(error), error.hint)))
    return html_page("gone.html", error.headers["Vary"], error.status, sentence=sentence, base=base_url())


def _wants_page() -> bool:
    """Return whether the client shows pages, as an address bar does and an <img> does not."""
    if request.headers.get("Sec-Fetch-Dest") == "image":
        return False
    return request.accept_mimetypes.best_match((JSON, HTML)) == HTML
