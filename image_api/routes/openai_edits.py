"""/v1/images/edits and /v1/images/variations, of OpenAI's API: read and checked, until an engine edits pictures."""

from typing import NoReturn

from flask import Blueprint

from image_api.errors import Unsupported
from image_api.web.request_upload import uploaded
from image_api.web.schemas.openai_edits import EditRequest, VariationRequest
from image_api.web.schemas.openai_models import AUTO

routes = Blueprint("openai_edits", __name__)


@routes.post("/v1/images/edits")
def edits() -> NoReturn:
    """Raise Unsupported if the request is valid: no engine edits pictures."""
    with uploaded(EditRequest) as body:
        body.pictures(AUTO)  # for its checks
        raise Unsupported(
            "No engine here edits pictures; POST /v1/images/generations makes a new picture of the same prompt."
        )


@routes.post("/v1/images/variations")
def variations() -> NoReturn:
    """Raise Unsupported if the request is valid: no engine varies pictures."""
    with uploaded(VariationRequest):
        raise Unsupported(
            "No engine here makes variations of a picture; POST /v1/images/generations makes several pictures (n) of"
            " a prompt that describes it."
        )
