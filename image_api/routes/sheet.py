"""/sheet: pictures of one prompt by several seeds. /sheet.png: the same as one picture, a contact sheet."""

from flask import Blueprint, Response

from image_api.web.sheet import sheet_json, sheet_options, sheet_response
from image_api.web.speculative_requests import refuse_prefetch
from render_worker.contract import IMAGE_TYPES

routes = Blueprint("sheet", __name__)


@routes.get("/sheet")
@routes.get("/sheet.json")
def as_json() -> Response:
    """Generate four or nine pictures from the query's parameters."""
    refuse_prefetch()
    return sheet_json(sheet_options())


@routes.get("/sheet.<any(png, jpg, jpeg, webp):ending>")
def as_picture(ending: str) -> Response:
    """Generate the same, and return them as one picture in the format that the URL names."""
    refuse_prefetch()
    return sheet_response(sheet_options(ending), ending, IMAGE_TYPES[ending.replace("jpeg", "jpg")])
