"""The answer for a picture that is gone for good: a page for a browser's address bar, JSON for every other client."""

from html import escape

from flask import Response, request

from image_api.errors import PictureDeleted, PictureGone
from image_api.web.responses import base_url

JSON = "application/json"
HTML = "text/html"
POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="robots" content="noindex">
<meta name="color-scheme" content="light dark">
<title>No picture here</title>
<h1>No picture here</h1>
<p>{sentence}</p>
<p><a href="{base}/">What this service does</a></p>
</html>
"""


def gone_page(error: PictureGone | PictureDeleted) -> Response:
    """Return the page that says so. Raises the error again, for its JSON, unless the client prefers a page."""
    if not _wants_page():
        raise error
    sentence = " ".join(filter(None, (str(error), error.hint)))
    text = PAGE.format(sentence=escape(sentence), base=escape(base_url()))
    headers = {"Cache-Control": "no-store", "Content-Security-Policy": POLICY, **error.headers}
    return Response(text, error.status, headers, mimetype=HTML)


def _wants_page() -> bool:
    """Return whether the client shows pages, as an address bar does and an <img> does not."""
    if request.headers.get("Sec-Fetch-Dest") == "image":
        return False
    return request.accept_mimetypes.best_match((JSON, HTML)) == HTML
