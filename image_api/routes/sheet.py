"""/sheet: pictures of one prompt by several seeds. /sheet.png: the same as one picture, a contact sheet."""

from flask import Blueprint, Response

from image_api.web.api import HTML, JSON, Answer, describe
from image_api.web.api_answers import (
    INVALID_LINK,
    LINKS,
    MAKING,
    OPENING,
    PAGE_HEADERS,
    PICTURE_HEADERS,
    SIGNED,
    SPECULATION,
    TYPES,
    UNCHANGED,
)
from image_api.web.schemas.sheet import SheetOptions, SheetResult
from image_api.web.sheet import sheet_json, sheet_options, sheet_response
from image_api.web.speculative_requests import refuse_prefetch
from render_worker.contract import IMAGE_TYPES

routes = Blueprint("sheet", __name__)


@routes.get("/sheet")
@routes.get("/sheet.json")
@describe(
    {
        200: Answer(
            "The pictures; by a signed link the sheet itself, to a client that shows pictures alone."
            " To a link-preview bot a page.",
            {JSON: SheetResult, IMAGE_TYPES["png"]: None, HTML: None},
            (*PICTURE_HEADERS, *PAGE_HEADERS),
        ),
        302: Answer("A redirect to the sheet, to a client that shows pictures alone.", {}, ("Location",)),
        304: UNCHANGED,
        403: INVALID_LINK,
    },
    query=SheetOptions,
    request_headers=("If-None-Match",),
    errors=(*MAKING, *OPENING, *SPECULATION, *LINKS),
    more=SIGNED,
)
def as_json() -> Response:
    """Generate four or nine pictures from the query's parameters."""
    refuse_prefetch()
    return sheet_json(sheet_options())


@routes.get("/sheet.<any(png, jpg, jpeg, webp):ending>")
@describe(
    {
        200: Answer(
            "The sheet; to a link-preview bot a page.",
            {**dict.fromkeys(TYPES), HTML: None},
            (*PICTURE_HEADERS, *PAGE_HEADERS),
        ),
        304: UNCHANGED,
        403: INVALID_LINK,
    },
    query=SheetOptions,
    without=frozenset({"response_format"}),
    request_headers=("If-None-Match",),
    errors=(*MAKING, *OPENING, *SPECULATION, *LINKS, 404),
    more=SIGNED,
)
def as_picture(ending: str) -> Response:
    """Generate the same, and return them as one picture in the format that the URL names."""
    refuse_prefetch()
    return sheet_response(sheet_options(ending), ending, IMAGE_TYPES[ending.replace("jpeg", "jpg")])
