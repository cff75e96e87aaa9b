"""/: a page for a browser; for all other clients what this service does and how to use it, as JSON."""

from flask import Blueprint, Response

from image_api.services import services
from image_api.web.access import wanted_credential
from image_api.web.api import HTML, JSON, Answer, describe
from image_api.web.api_answers import PAGE_HEADERS
from image_api.web.pages.html_pages import app_page, prefers_page
from image_api.web.pages.link_previews import preview_page
from image_api.web.responses import base_url, json_response
from image_api.web.schemas.documentation import Documentation
from image_api.web.speculative_requests import is_for_preview

VARY = "Accept, Sec-Fetch-Dest, User-Agent"

routes = Blueprint("pages", __name__)


@routes.get("/")
@describe(
    {
        200: Answer(
            "The documentation; in a browser, and to a link-preview bot, a page.",
            {JSON: Documentation, HTML: None},
            PAGE_HEADERS,
        )
    }
)
def front() -> Response:
    """Return the page on which pictures are made, or documentation with examples that run as they stand."""
    if is_for_preview():
        return preview_page(services().settings.name, None, Documentation.model_fields["description"].default)
    if prefers_page():
        return app_page("page.html", VARY)
    documentation = Documentation.at(base_url(), services().settings.api_v1_prefix)
    response = json_response(documentation, authentication=wanted_credential())
    response.headers["Vary"] = VARY
    return response
