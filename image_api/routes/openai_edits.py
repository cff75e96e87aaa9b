"""/v1/images/edits and /v1/images/variations, of OpenAI's API."""

from functools import partial

from flask import Blueprint, Response, g

from image_api.errors import ModelNotFound
from image_api.services import services
from image_api.web.api import FORM, JSON, describe
from image_api.web.api_answers import EDITING, OPENAI_MADE
from image_api.web.openai_paths import with_deployment
from image_api.web.openai_response import variations_of
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
@describe({200: OPENAI_MADE}, body={FORM: VariationRequest, JSON: VariationRequest}, errors=(*EDITING, ModelNotFound))
def variations() -> Response:
    """Generate up to ten pictures that begin with an image, without a prompt, if an engine here can."""
    base = base_url()  # first, so that a bad Host header costs no generation
    check_type()
    known = partial(services().worker.model_names, g.client)
    with uploaded(VariationRequest.parse) as sent:
        body, image = with_deployment(sent.edit(), known), sent_image(sent.image[0])
    model = partial(served_model, body.model_name, known)
    return response_with(image, lambda: variations_of(body, body.pictures(model(), image), base))
