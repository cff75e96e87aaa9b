"""/v1/models/load and /v1/loras: what the render worker keeps in memory of models and LoRAs."""

from flask import Response, g

from image_api.errors import EngineNotConfigured
from image_api.services import services
from image_api.web.access import require_admin
from image_api.web.api import JSON, Answer, describe
from image_api.web.api_answers import BODIES, WORKER
from image_api.web.error_responses import FormattedBlueprint
from image_api.web.responses import json_response
from image_api.web.schemas.weights import LoadedModelState, LoadModelBody, LoraBody, LoraLoaded, Loras
from image_api.web.weights import loaded_lora, loaded_model, unloaded_lora

PATHS = ("/v1/models/load", "/api/v1/models/load", "/v1/loras")

routes = FormattedBlueprint("weights", __name__, error_format=None, error_paths=PATHS)


@routes.post("/v1/models/load")
@routes.post("/api/v1/models/load")
@describe(
    {
        200: Answer("It is loaded.", {JSON: LoadedModelState}),
        202: Answer("It is still being loaded.", {JSON: LoadedModelState}),
    },
    body={JSON: LoadModelBody},
    examples={"a model": {"model_id": "sd-2-1"}},
    errors=(*WORKER, *BODIES, EngineNotConfigured),
)
def load_model() -> Response:
    """Load a model beside those in use, for the operator; no request in flight is disturbed."""
    require_admin()
    return loaded_model()


@routes.get("/v1/loras/list")
@routes.get("/api/v1/loras/list")
@describe(Loras, errors=(*WORKER, EngineNotConfigured))
def loras() -> Response:
    """Return every LoRA that `lora_path` accepts, and the loaded models that each fits."""
    return json_response(Loras.of(services().worker.weights.loras(g.client)))


@routes.post("/v1/loras/load")
@routes.post("/api/v1/loras/load")
@describe(
    LoraLoaded,
    body={JSON: LoraBody},
    examples={"with the default model": {"lora_path": "watercolor.safetensors"}},
    errors=(*WORKER, *BODIES, EngineNotConfigured),
)
def load_lora() -> Response:
    """Check a LoRA against a model, and keep it in memory with that, for the operator."""
    require_admin()
    return loaded_lora()


@routes.post("/v1/loras/unload")
@routes.post("/api/v1/loras/unload")
@describe(LoraLoaded, body={JSON: LoraBody}, errors=(*WORKER, *BODIES, EngineNotConfigured))
def unload_lora() -> Response:
    """Remove a LoRA from every model, for the operator."""
    require_admin()
    return unloaded_lora()
