"""The page that link-preview bots get in place of a picture, with Open Graph tags (https://ogp.me)."""

from flask import Response

from image_api.services import services
from image_api.web.pages.html_pages import html_page
from image_api.web.responses import with_absolute_url
from render_worker.contract import GenerateResult

MADE = "A picture made of these words."
NOT_MADE = "Open the link, and the picture is made."


def preview_page(title: str, result: GenerateResult | None, description: str | None = None) -> Response:
    """Return a page about a picture, of `result` if it is made; or about another thing that `description` tells."""
    return html_page(
        "preview.html",
        "Accept, Sec-Fetch-Dest, User-Agent",
        site=services().settings.name,
        title=" ".join(title.split()),
        description=description or (MADE if result else NOT_MADE),
        picture=with_absolute_url(result) if result else None,
    )
