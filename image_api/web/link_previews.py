"""What link-preview bots get: a small page with Open Graph tags (https://ogp.me), and nothing that costs anything."""

import re

from flask import Flask, Response, render_template, request

from image_api.errors import SpeculativeRequest
from image_api.preview_bots import is_preview_bot
from image_api.web.responses import with_absolute_url
from render_worker.contract import GenerateResult

SITE = "Image Generation API"
MADE = "A picture made of these words."
NOT_MADE = "Open the link, and the picture is made."
REFUSAL = "A link preview makes no picture."
CONTENT_SECURITY_POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
METHODS = ("GET", "HEAD", "OPTIONS")
FREE = re.compile(r"/|/generate(\.\w+)?|/images/[^/]*|/robots\.txt|(/v1)?/health|/v1/styles")
"""The addresses that cost a bot's request neither a generation nor a render worker's cold start."""


def register(app: Flask) -> None:
    """Refuse the bots whatever could cost something."""
    app.before_request(_refuse_costs)


def is_for_preview() -> bool:
    """Return whether the current request is a link-preview bot's."""
    return is_preview_bot(request.environ.get("HTTP_USER_AGENT", ""))


def preview_page(title: str, result: GenerateResult | None, description: str | None = None) -> Response:
    """Return a page about a picture, of `result` if it is made; or about another thing that `description` tells."""
    html = render_template(
        "preview.html",
        site=SITE,
        title=" ".join(title.split()),
        description=description or (MADE if result else NOT_MADE),
        picture=with_absolute_url(result) if result else None,
    )
    headers = {
        "Cache-Control": "no-store",
        "Content-Security-Policy": CONTENT_SECURITY_POLICY,
        "Vary": "Accept, Sec-Fetch-Dest, User-Agent",
    }
    return Response(html, headers=headers, mimetype="text/html")


def _refuse_costs() -> None:
    if is_for_preview() and request.url_rule and not (request.method in METHODS and FREE.fullmatch(request.path)):
        raise SpeculativeRequest(REFUSAL)
