"""The pictures of OpenAI's route as one response, with their URLs or their bytes."""

import logging
from typing import Any

from flask import Response, g

from image_api.errors import ApiError
from image_api.generation.options import GenerationOptions
from image_api.generation.progress_stream import GenerationResponse
from image_api.web.base64_json import EmbeddedPicture, embedding_response
from image_api.web.disclosure import visible_error
from image_api.web.openai_batch import Batch
from image_api.web.responses import json_response, json_text
from image_api.web.schemas.openai import ImagesRequest
from image_api.web.schemas.openai_pictures import Image, ImagesResponse, failure

log = logging.getLogger(__name__)


def pictures_response(body: ImagesRequest, pictures: list[GenerationOptions], base: str) -> Response:
    """Generate the pictures, and return those that were made. Raises the first ApiError if there are none."""
    made, errors = _generated(pictures)
    opened = _opened(made, errors) if body.with_bytes else []
    if opened:
        results = [it.result for it in opened]
        images = [Image.of(body, it.result, base, it.placeholder) for it in opened]
    else:
        results = [it.result for it in made.values()]
        images = [Image.of(body, it, base) for it in results]
    response = ImagesResponse.of(body, pictures[0].model, results, images, failures(errors, len(images)))
    return embedding_response(json_text(response), opened) if opened else json_response(response)


def failures(errors: dict[int, ApiError], made: int) -> list[dict[str, Any]]:
    """Log that pictures failed while others were made, and return the errors in OpenAI's format, by their places."""
    if errors:
        codes = ", ".join(sorted({it.body().code for it in errors.values()}))
        log.warning("%s: %d of %d pictures failed: %s", g.request_id, len(errors), len(errors) + made, codes)
    return [failure(number, visible_error(it.body()), it.status) for number, it in sorted(errors.items())]


def _generated(pictures: list[GenerationOptions]) -> tuple[dict[int, GenerationResponse], dict[int, ApiError]]:
    """Return the responses by their places and in that order, and the errors by their places and as they came."""
    made: dict[int, GenerationResponse] = {}
    errors: dict[int, ApiError] = {}
    for outcome in Batch(pictures, stream=False).outcomes():
        if outcome is None:
            continue
        if isinstance(outcome.content, ApiError):
            errors[outcome.number] = outcome.content
        else:
            made[outcome.number] = outcome.content
    if not made:
        raise next(iter(errors.values()))
    return dict(sorted(made.items())), errors


def _opened(made: dict[int, GenerationResponse], errors: dict[int, ApiError]) -> list[EmbeddedPicture]:
    """Open the pictures that can be, and add the errors of the others. Raises the first error if there are none."""
    opened: list[EmbeddedPicture] = []
    for number, response in made.items():
        try:
            opened.append(EmbeddedPicture(response))
        except ApiError as error:
            errors[number] = error
    if not opened:
        raise next(iter(errors.values()))
    return opened
