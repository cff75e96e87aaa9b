"""The icons and the manifest of the pages, at the addresses at which browsers ask for them without a link."""

from flask import Blueprint, Response

from image_api.web.api import describe
from image_api.web.pages.icons import icon, manifest_file

routes = Blueprint("icons", __name__)


@routes.get("/favicon.ico")
@describe(hidden=True)
def favicon() -> Response:
    """Return the icon for tabs and bookmarks."""
    return icon("favicon.ico")


@routes.get("/apple-touch-icon.png")
@routes.get("/apple-touch-icon-precomposed.png")
@describe(hidden=True)
def touch_icon() -> Response:
    """Return the icon for a phone's home screen."""
    return icon("icon-180.png")


@routes.get("/manifest.webmanifest")
@describe(hidden=True)
def manifest() -> Response:
    """Return what a browser shows of the app when it is installed."""
    return manifest_file()
