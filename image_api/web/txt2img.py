"""The pictures of POST /v1/txt2img and /v1/img2img as one JSON response."""

import contextlib
import time
from collections.abc import Iterator, Mapping

from flask import Response, g

from image_api.errors import ApiError, EngineNotConfigured, Relayed
from image_api.generation.options import GenerationOptions
from image_api.sent_images import SentImage
from image_api.services import services
from image_api.web.base64_json import EmbeddedPicture, pictures_json
from image_api.web.batch import Batch, Pictures
from image_api.web.disclosure import visible_error
from image_api.web.parameter_names import NAMES, error_in_client_words
from image_api.web.pictures_response import cache_status
from image_api.web.schemas.openai import parameter_named
from image_api.web.schemas.pictures import IndexedError
from image_api.web.schemas.txt2img import TextToImageRequest
from image_api.web.schemas.txt2img_response import TextToImagePicture, TextToImageResponse
from render_worker.contract import AUTO, KEEPING_ENGINE, KEEPING_ENGINE_NAMES

NEEDS_ENGINE = "{} needs the engine diffusers, which is not enabled here."


def txt2img_response(body: TextToImageRequest, base: str, image: SentImage | None = None) -> Response:
    """Generate the pictures, and return those that were made. Raises the first ApiError if there are none."""
    started = time.monotonic()
    options = body.options(_model_of(body), image)
    with family_errors(options):
        pictures = Pictures(Batch(options.series()).outcomes())
        opened = pictures.opened()
        first = _opened_again(pictures, opened)
    response = TextToImageResponse.of(
        body.prompt,
        [it.placeholder for it in opened.values()],
        [TextToImagePicture.of(index, it.result, base) for index, it in opened.items()],
        _failures(pictures),
        image=first.placeholder,
        latency_ms=round((time.monotonic() - started) * 1000),
        request_id=g.request_id,
    )
    http_response = pictures_json(response, [first, *opened.values()])
    http_response.headers["X-Cache"] = cache_status(pictures)
    return http_response


def _opened_again(pictures: Pictures, opened: Mapping[int, EmbeddedPicture]) -> EmbeddedPicture:
    """Return the first picture once more, as its bytes are read once; raises as EmbeddedPicture does."""
    with contextlib.ExitStack() as held:
        for it in opened.values():
            held.callback(it.close)
        first = EmbeddedPicture(pictures.made[min(opened)])
        held.pop_all()
    return first


def _model_of(body: TextToImageRequest) -> str:
    """Return the model of a request: if it names none, that of the engine that runs models itself, or of any."""
    return body.needed_model or (KEEPING_ENGINE if KEEPING_ENGINE in services().worker.model_names(g.client) else AUTO)


@contextlib.contextmanager
def family_errors(options: GenerationOptions, names: Mapping[str, str] = NAMES) -> Iterator[None]:
    """Raise an ApiError in this family's words: with the `names` that the client used, and 503 if no engine that runs
    models itself is enabled, and the request needs it.
    """
    try:
        yield
    except ApiError as error:
        raise family_error(error, options, names) from None


def family_error(error: ApiError, options: GenerationOptions, names: Mapping[str, str] = NAMES) -> ApiError:
    """Return an error in this family's words, as `family_errors` raises it."""
    body = error.body()
    if body.code == EngineNotConfigured.code:  # of the render worker it is 500, which is no fault of this service
        return Relayed(body, EngineNotConfigured.status)
    parameter = parameter_named(body)
    if parameter == "model" and options.model in KEEPING_ENGINE_NAMES:
        named = f"{names.get('model', 'model')}={options.model}"
        needs = "lora_path" if options.lora_path and options.model == KEEPING_ENGINE else named
        return EngineNotConfigured(NEEDS_ENGINE.format(needs))
    if parameter == "image" and options.model == AUTO and options.image:
        return EngineNotConfigured("No engine that is enabled here makes pictures of an image.")
    return error_in_client_words(error, names)


def _failures(pictures: Pictures) -> list[IndexedError]:
    """Log that pictures failed while others were made, and return the errors, by their places."""
    pictures.log_failures()
    errors = {index: error_in_client_words(it) for index, it in sorted(pictures.errors.items())}
    return [IndexedError.of(index, it, visible_error(it.body())) for index, it in errors.items()]
