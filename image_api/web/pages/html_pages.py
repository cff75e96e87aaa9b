"""The pages of this tier: those without scripts, under a policy that lets them load and run nothing, and the app's."""

import gzip
from typing import Any

from flask import Response, render_template, request

from image_api.services import services
from image_api.web.compression import compressed_response
from image_api.web.current import current_request
from image_api.web.pages.static_files import relative_root, static_url
from image_api.web.pages.texts import language, texts
from image_api.web.responses import base_url
from render_worker.serving.security_headers import STRICTEST_POLICY

JSON, HTML = "application/json", "text/html"
CONTENT_SECURITY_POLICY = STRICTEST_POLICY
LOOK = "; style-src 'self'; img-src 'self'; manifest-src 'self'"
# Pictures may be on a storage's host, which https: allows, or on one that PICTURE_ORIGINS names; blob: shows what a
# person chose or what was loaded with a key.
APP_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' https: data: blob:{origins};"
    " connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none';"
    " require-trusted-types-for 'script'; trusted-types 'none'"
)


def html_page(
    template: str, vary: str, status: int = 200, policy: str = CONTENT_SECURITY_POLICY, **values: Any
) -> Response:
    """Return a page that no cache stores, whose address has other responses by the headers that `vary` names."""
    headers = {"Cache-Control": "no-store", "Content-Security-Policy": policy, "Vary": vary}
    page = render_template(template, **values).encode()
    return compressed_response(lambda zipped: gzip.compress(page) if zipped else page, HTML, headers, status)


def plain_page(
    template: str, vary: str, status: int = 200, policy: str = CONTENT_SECURITY_POLICY + LOOK, **values: Any
) -> Response:
    """Return a page with the look of the app and without scripts.

    Its template extends `base.html`: it has the texts of the client's language as `texts`, `static_url`, and `root`,
    the service's own address relative to the page.
    """
    chosen = language()
    return html_page(
        template,
        f"{vary}, Accept-Language",
        status,
        policy,
        language=chosen,
        texts=texts(chosen),
        root=relative_root(),
        static_url=static_url,
        simulated=services().settings.simulated,
        **values,
    )


def app_page(template: str, vary: str, status: int = 200, **values: Any) -> Response:
    """Return a page with the scripts of the app, too, under a policy that allows nothing from elsewhere but pictures.

    Its canonical address is that of the page without a query, unless `values` have another one.
    """
    origins = "".join(f" {origin}" for origin in services().settings.picture_origins)
    values.setdefault("canonical", f"{base_url()}/")
    return plain_page(template, vary, status, APP_POLICY.format(origins=origins), **values)


def prefers_page() -> bool:
    """Return whether the client shows pages, as an address bar does and an <img> does not."""
    if request.headers.get("Sec-Fetch-Dest") == "image":
        return False
    return request.accept_mimetypes.best_match((JSON, HTML)) == HTML


def prefers_json() -> bool:
    """Return whether the client of an address that is a page's prefers JSON by name."""
    return request.accept_mimetypes.best_match((HTML, JSON)) == JSON


def is_navigation() -> bool:
    """Return whether a browser asks for what its window is to show: https://www.w3.org/TR/fetch-metadata/."""
    destination: str | None = current_request().environ.get("HTTP_SEC_FETCH_DEST")
    return destination == "document"
