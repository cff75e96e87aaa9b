"""Models and LoRAs that the render workers keep in memory: each is loaded or unloaded for the operator."""

import contextlib
from collections.abc import Iterator

from flask import Response, g

from image_api.errors import ApiError
from image_api.services import services
from image_api.web.bodies import json_fields
from image_api.web.parameter_names import error_in_client_words
from image_api.web.responses import json_response
from image_api.web.schemas.weights import LoadedModelState, LoadModelBody, LoraBody, LoraLoaded

LOADING = 202


def loaded_model() -> Response:
    """Load the model of the request's body, and return its state; 202 if it is still being loaded."""
    asked = json_fields(LoadModelBody).request()
    with _client_words():
        state = LoadedModelState.of(services().worker.weights.load_model(asked, g.client), g.request_id)
    return json_response(state, 200 if state.loaded else LOADING)


def loaded_lora() -> Response:
    """Load the LoRA of the request's body with its model, and return its state."""
    asked = json_fields(LoraBody).request()
    with _client_words():
        return json_response(LoraLoaded.of(services().worker.weights.load_lora(asked, g.client), g.request_id))


def unloaded_lora() -> Response:
    """Remove the LoRA of the request's body from every model, and return its state."""
    asked = json_fields(LoraBody).request()
    with _client_words():
        return json_response(LoraLoaded.of(services().worker.weights.unload_lora(asked, g.client), g.request_id))


@contextlib.contextmanager
def _client_words() -> Iterator[None]:
    """Raise an ApiError whose sentence names parameters as the client did."""
    try:
        yield
    except ApiError as error:
        raise error_in_client_words(error) from None
