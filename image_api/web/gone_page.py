"""The answer for a picture that is gone for good: a page for a browser's address bar, JSON for every other client."""

from flask import Response

from image_api.errors import PictureDeleted, PictureGone
from image_api.web.html_pages import html_page, prefers_page
from image_api.web.responses import base_url


def gone_page(error: PictureGone | PictureDeleted) -> Response:
    """Return the page that says so. Raises the error again, for its JSON, unless the client prefers a page."""
    if not prefers_page():
        raise error
    sentence = " ".join(filter(None, (str(error), error.hint)))
    return html_page("gone.html", error.headers["Vary"], error.status, sentence=sentence, base=base_url())
