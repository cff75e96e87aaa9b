"""/v1/images/generations and /v1/models, for OpenAI's own clients as they are."""

from functools import partial

from flask import Response, g

from image_api.errors import ModelNotFound
from image_api.services import services
from image_api.web.api import JSON, describe
from image_api.web.api_answers import BODIES, MAKING, OPENAI_MADE, OPENING, WORKER
from image_api.web.bodies import json_fields
from image_api.web.disclosure import visible_models
from image_api.web.error_responses import FormattedBlueprint
from image_api.web.openai_paths import with_deployment
from image_api.web.openai_stream import pictures_of
from image_api.web.responses import base_url, json_response
from image_api.web.schemas.openai import ImagesRequest, OpenAIError
from image_api.web.schemas.openai_models import OpenAIModel, OpenAIModelList, served_model

NOT_FOUND = "There is no such address here: this service makes pictures, by POST /v1/images/generations."

routes = FormattedBlueprint(
    "openai", __name__, error_format=OpenAIError, error_paths=("/v1", "/openai", "/api/v1/models"), not_found=NOT_FOUND
)


@routes.post("/v1/images/generations")
@describe(
    {200: OPENAI_MADE},
    body={JSON: ImagesRequest},
    examples={
        "a prompt alone": {"prompt": "sunset over mountains"},
        "as OpenAI's clients": {"prompt": "a red boat", "model": "gpt-image-1", "n": 2, "size": "1024x1024"},
    },
    errors=(*MAKING, *OPENING, *BODIES, ModelNotFound),
)
def generations() -> Response:
    """Generate up to ten pictures of a prompt."""
    base = base_url()  # first, so that a bad Host header costs no generation
    known = partial(services().worker.model_names, g.client)
    body = with_deployment(json_fields(ImagesRequest), known)
    pictures = body.pictures(served_model(body.model_name, known))
    return pictures_of(body, pictures, base)


@routes.get("/v1/models")
@routes.get("/api/v1/models")
@describe(OpenAIModelList, errors=WORKER)
def models() -> Response:
    """Return every name that `model` accepts."""
    return json_response(OpenAIModelList.of(visible_models(services().worker.models(g.client))))


@routes.get("/v1/models/<model_name:name>")
@describe(OpenAIModel, errors=(*WORKER, ModelNotFound))
def model(name: str) -> Response:
    """Return one model; for a name of OpenAI's it is `auto`, which serves such names."""
    page = OpenAIModelList.of(visible_models(services().worker.models(g.client)))
    models_by_id = {it.id: it for it in page.data}
    found = models_by_id.get(served_model(name, lambda: models_by_id))
    if not found:
        raise ModelNotFound(f"model must be one of {', '.join(models_by_id)}.")
    return json_response(found, simulated=page.simulated or found.simulated)
