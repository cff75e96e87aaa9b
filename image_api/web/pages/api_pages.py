"""The pages that show /openapi.json to people: Swagger UI, which tries requests out, and ReDoc, which reads well."""

import secrets
from typing import Any

from flask import Response

from image_api.web.pages.html_pages import html_page
from image_api.web.pages.static_files import relative_url, static_url
from image_api.web.pages.texts import language, texts
from image_api.web.pages.vendored_files import redoc, swagger_ui

VARY = "Accept-Language"
# The styles without its nonce that ReDoc adds: an empty one, and its menu's for touch.
STYLES = "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=' 'sha256-QMIg+bpjm3JdElJ388KYke01izlUW0UoNOeKjpMxdgc='"
# blob: shows the picture that a request, tried out, was answered with.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'{styles}; img-src 'self' data: blob:; connect-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def swagger_page() -> Response:
    """Return the page with Swagger UI."""
    return _page("api/swagger.html", POLICY.format(styles=""), vendored=swagger_ui)


def redoc_page() -> Response:
    """Return the page with ReDoc, which writes its styles itself: the nonce allows them."""
    nonce = secrets.token_urlsafe(16)
    return _page("api/redoc.html", POLICY.format(styles=f" 'nonce-{nonce}' {STYLES}"), vendored=redoc, nonce=nonce)


def _page(template: str, policy: str, **values: Any) -> Response:
    chosen = language()
    return html_page(
        template,
        VARY,
        policy=policy,
        language=chosen,
        texts=texts(chosen),
        static_url=static_url,
        relative_url=relative_url,
        **values,
    )
