"""The pictures of OpenAI's route as one response, with their URLs or their bytes."""

import contextlib
from collections.abc import Iterator
from typing import Any

from flask import Response

from image_api.errors import ApiError, ModelNotFound, Relayed, Unsupported
from image_api.generation.options import GenerationOptions
from image_api.web.base64_json import pictures_json
from image_api.web.batch import Batch, Pictures
from image_api.web.disclosure import visible_error
from image_api.web.schemas.openai import ImagesRequest, parameter_named
from image_api.web.schemas.openai_pictures import Image, ImagesResponse, failure
from render_worker.contract import AUTO


def pictures_response(body: ImagesRequest, options: list[GenerationOptions], base: str) -> Response:
    """Generate the pictures, and return those that were made. Raises the first ApiError if there are none."""
    with openai_errors():
        pictures = Pictures(Batch(options).outcomes())
    opened = list(pictures.opened().values()) if body.with_bytes else []
    if opened:
        results = [it.result for it in opened]
        images = [Image.of(body, it.result, base, it.placeholder) for it in opened]
    else:
        results = [it.result for _, it in sorted(pictures.made.items())]
        images = [Image.of(body, it, base) for it in results]
    response = ImagesResponse.of(body, options[0].model, results, images, failures(pictures))
    return pictures_json(response, opened)


def variations_of(body: ImagesRequest, options: list[GenerationOptions], base: str) -> Response:
    """Return variations as `pictures_response`. Raises Unsupported if no engine here makes pictures of an image."""
    try:
        return pictures_response(body, options, base)
    except ApiError as error:
        if parameter_named(error.body()) != "image" or options[0].model != AUTO:  # another engine may, then
            raise
        raise Unsupported("No engine here makes pictures of an image, and so no variations.") from error


def failures(pictures: Pictures) -> list[dict[str, Any]]:
    """Log that pictures failed while others were made, and return the errors in OpenAI's format, by their places."""
    pictures.log_failures()
    return [failure(index, visible_error(it.body()), it.status) for index, it in sorted(pictures.errors.items())]


@contextlib.contextmanager
def openai_errors() -> Iterator[None]:
    """Raise 404 as ModelNotFound, with the render worker's hint if it has one, in place of its refusal of a model."""
    try:
        yield
    except Relayed as error:
        body = error.body()
        if parameter_named(body) == "model":
            hint = body.hint or ModelNotFound.hint
            found = body.model_copy(update={"code": ModelNotFound.code, "hint": hint})
            raise Relayed(found, ModelNotFound.status) from error
        raise
