"""/v1/images/edits and /v1/images/variations, of OpenAI's API."""

from functools import partial
from typing import NoReturn

from flask import Blueprint, Response, g

from image_api.errors import ModelNotFound, NotForPreviews, Unsupported
from image_api.services import services
from image_api.web.api import FORM, JSON, describe
from image_api.web.api_answers import EDITING, OPENAI_MADE, UPLOADS
from image_api.web.openai_paths import with_deployment
from image_api.web.openai_stream import pictures_of
from image_api.web.request_upload import check_type, sent_image, uploaded
from image_api.web.responses import base_url
from image_api.web.schemas.openai_edits import EditRequest, VariationRequest
from image_api.web.schemas.openai_models import served_model
from image_api.web.sent_options import response_with

routes = Blueprint("openai_edits", __name__)


@routes.post("/v1/images/edits")
@describe({200: OPENAI_MADE}, body={FORM: EditRequest, JSON: EditRequest}, errors=(*EDITING, ModelNotFound))
def edits() -> Response:
    """Generate up to ten pictures that begin with an image."""
    base = base_url()  # first, so that a bad Host header costs no generation
    check_type()
    known = partial(services().worker.model_names, g.client)
    with uploaded(EditRequest.parse) as sent:
        body, image = with_deployment(sent, known), sent_image(sent.only_image())
    model = partial(served_model, body.model_name, known)
    return response_with(image, lambda: pictures_of(body, body.pictures(model(), image), base))


@routes.post("/v1/images/variations")
@describe(
    body={FORM: VariationRequest, JSON: VariationRequest},
    errors=(*UPLOADS, Unsupported, NotForPreviews),
    summary="Check the request, and refuse it: no engine varies a picture without a prompt.",
)
def variations() -> NoReturn:
    """Raise Unsupported if the request is valid: no engine varies a picture without a prompt."""
    check_type()
    with uploaded(VariationRequest.parse):
        raise Unsupported(
            "No engine here makes variations of a picture without a prompt; POST /v1/images/edits makes several"
            " pictures (n) of the picture and a prompt that describes it."
        )
