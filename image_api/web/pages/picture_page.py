"""A picture's page: the picture, its recipe, and what a link to it unfurls as (https://ogp.me); JSON if preferred."""

import re
from typing import Any

from flask import Response
from markupsafe import escape
from werkzeug.routing import BaseConverter

from image_api.errors import ApiError, PictureGone
from image_api.services import services
from image_api.web.file_names import file_names
from image_api.web.file_response import ENDINGS
from image_api.web.pages.error_page import error_page
from image_api.web.pages.html_pages import app_page, prefers_json
from image_api.web.pages.known_picture import KnownPicture, known_picture
from image_api.web.pages.moments import moment, seconds_text
from image_api.web.pages.static_files import relative_root
from image_api.web.responses import base_url, json_response
from image_api.web.schemas.picture_details import PictureDetails
from render_worker.contract import IMAGE_NAME

VARY = "Accept"


class ImageNameConverter(BaseConverter):
    """A stored picture's name in a rule, or what is left of one: so a proxy's prefix /p is told from a page's path."""

    regex = "[0-9A-Fa-f]{20}[^/]*"


def picture_page(name: str) -> Response:
    """Return the page of the picture with a name, or of the error if there is none.

    Raises an ApiError for a client that prefers JSON.
    """
    try:
        return _page(name)
    except ApiError as error:
        if prefers_json():
            raise
        return error_page(error)


def _page(name: str) -> Response:
    if not re.fullmatch(IMAGE_NAME, name):
        raise PictureGone
    base = base_url()
    found = known_picture(name)
    details = PictureDetails.of(name, found.record, base, found.size)
    if not prefers_json():
        return app_page("picture.html", VARY, 404 if found.has_expired else 200, **_values(details, found, base))
    if found.has_expired:
        raise PictureGone
    response = json_response(details)
    response.headers["Vary"] = VARY
    return response


def _values(details: PictureDetails, found: KnownPicture, base: str) -> dict[str, Any]:
    """Return what the template shows."""
    recipe = found.record.recipe
    root = relative_root()
    alt = details.alt or "A picture"
    own = details.image_url.startswith(f"{base}/images/")
    sides = f' width="{details.width}" height="{details.height}"' if details.width else ""
    address = root + details.image_url.removeprefix(f"{base}/") if own else details.image_url
    return {
        "picture": details,
        "site": services().settings.name,
        "canonical": details.page_url,
        "heading": " ".join((details.prompt or "").split()),
        "address": address,
        "is_shown": not found.has_expired,
        "unfurls": found.is_there and not found.has_expired,
        "file_name": file_names(details.prompt or "", details.seed, ENDINGS[details.content_type])[0],
        "in_words": seconds_text,
        "made_at": moment(details.created_at),
        "summary": _summary(details),
        "markdown": f"[![{_escaped(alt)}]({_in_link(details.image_url)})]({details.page_url})",
        "tag": f'<img src="{escape(details.image_url)}" alt="{escape(alt)}"{sides}>',
        "again": f"{root}?{details.query(recipe)}" if recipe else root,
    }


def _summary(details: PictureDetails) -> str:
    """Return what a link preview says below the prompt."""
    size = f"{details.width} × {details.height}" if details.width else None
    seed = None if details.seed is None else f"seed {details.seed}"
    return " · ".join(filter(None, (size, details.style, details.engine, seed)))


def _escaped(text: str) -> str:
    """Return a text of which Markdown makes no link or emphasis."""
    return re.sub(r"([\\`*_\[\]<>&|~$!])", r"\\\1", text)


def _in_link(url: str) -> str:
    """Return a URL of which Markdown makes one link, also if it has brackets."""
    return url.replace("(", "%28").replace(")", "%29")
