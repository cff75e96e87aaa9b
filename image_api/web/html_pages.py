"""The few pages of this tier: templates without scripts, under a policy that lets them load and run nothing."""

from typing import Any

from flask import Response, render_template

CONTENT_SECURITY_POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


def html_page(template: str, vary: str, status: int = 200, **values: Any) -> Response:
    """Return a page that no cache stores, whose address has other responses by the headers that `vary` names."""
    headers = {"Cache-Control": "no-store", "Content-Security-Policy": CONTENT_SECURITY_POLICY, "Vary": vary}
    return Response(render_template(template, **values), status, headers, mimetype="text/html")
