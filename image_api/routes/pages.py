"""/: what this service does and how to use it, as JSON; for a link-preview bot a page."""

from flask import Blueprint, Response

from image_api.web.link_previews import SITE, preview_page
from image_api.web.responses import base_url, json_response
from image_api.web.schemas.documentation import Documentation
from image_api.web.speculative_requests import is_for_preview

routes = Blueprint("pages", __name__)


@routes.get("/")
def documentation() -> Response:
    """Return documentation with examples that run against the URL of the request."""
    page = Documentation.at(base_url())
    return preview_page(SITE, None, page.description) if is_for_preview() else json_response(page)
