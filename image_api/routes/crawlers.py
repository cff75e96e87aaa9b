"""/robots.txt: what crawlers may fetch."""

from flask import Blueprint, Response

from image_api.web.api import Answer, describe
from image_api.web.robots import robots_text

CACHE_CONTROL = "public, max-age=86400"  # crawlers keep it for a day anyway

routes = Blueprint("crawlers", __name__)


@routes.get("/robots.txt")
@describe({200: Answer("The rules.", {"text/plain": None})})
def robots() -> Response:
    """Return the rules for crawlers."""
    return Response(robots_text(), headers={"Cache-Control": CACHE_CONTROL}, mimetype="text/plain")
