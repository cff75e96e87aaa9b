"""The icons of the pages, and the web app's manifest (https://www.w3.org/TR/appmanifest)."""

import json
from typing import Any

from flask import Response

from image_api.web.pages.static_files import TYPES, static_file, static_url
from image_api.web.pages.texts import language, texts

CACHE_CONTROL = "public, max-age=86400"  # their addresses say no version
NAMES = ("icon-192.png", "icon-512.png", "icon-maskable-512.png")
GROUND, ACCENT = "#f6f7f9", "#2f4bc7"


def icon(name: str) -> Response:
    """Return a static file under an address without a version."""
    response = static_file("", name)
    response.headers["Cache-Control"] = CACHE_CONTROL
    return response


def manifest_file() -> Response:
    """Return the manifest. Its addresses are relative to its own, so they hold below a proxy's prefix."""
    chosen = language()
    headers = {"Cache-Control": CACHE_CONTROL, "Vary": "Accept-Language"}
    return Response(json.dumps(_manifest(chosen), indent=1), headers=headers, mimetype=TYPES[".webmanifest"])


def _manifest(chosen: str) -> dict[str, Any]:
    words = texts(chosen)["page"]
    return {
        "name": words["title"],
        "short_name": words["title"],
        "description": words["description"],
        "lang": chosen,
        "id": "./",
        "start_url": "./",
        "display": "minimal-ui",
        "background_color": GROUND,
        "theme_color": ACCENT,
        "icons": [_icon(name) for name in NAMES],
    }


def _icon(name: str) -> dict[str, str]:
    side = name.partition(".")[0].rpartition("-")[2]
    purpose = "maskable" if "maskable" in name else "any"
    return {"src": static_url(name), "sizes": f"{side}x{side}", "type": "image/png", "purpose": purpose}
