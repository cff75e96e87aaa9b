"""The page that link-preview bots get in place of a picture, with Open Graph tags (https://ogp.me)."""

from flask import Response, render_template

from image_api.web.responses import with_absolute_url
from render_worker.contract import GenerateResult

SITE = "Image Generation API"
MADE = "A picture made of these words."
NOT_MADE = "Open the link, and the picture is made."
CONTENT_SECURITY_POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


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
