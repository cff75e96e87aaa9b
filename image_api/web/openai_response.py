"""The pictures of OpenAI's route as one response, with their URLs or their bytes."""

from typing import Any

from flask import Response

from image_api.errors import ApiError
from image_api.generation.options import GenerationOptions
from image_api.generation.progress_stream import GenerationResponse
from image_api.web.base64_json import EmbeddedPicture, embedding_response
from image_api.web.error_responses import log_failure
from image_api.web.openai_batch import Batch
from image_api.web.responses import json_response, json_text
from image_api.web.schemas.openai import ImagesRequest, OpenAIError
from image_api.web.schemas.openai_pictures import Image, ImagesResponse


def pictures_response(body: ImagesRequest, pictures: list[GenerationOptions], base: str) -> Response:
    """Generate the pictures, and return those that were made. Raises the first ApiError if there are none."""
    made, errors = _generated(pictures)
    model = pictures[0].model
    if not body.with_bytes:
        results = [it.result for it in made]
        images = [Image.of(body, it, base) for it in results]
        return json_response(ImagesResponse.of(body, model, results, images, _failed(errors)))
    opened = _opened(made, errors)
    results = [it.result for it in opened]
    images = [Image.of(body, it.result, base, it.placeholder) for it in opened]
    return embedding_response(json_text(ImagesResponse.of(body, model, results, images, _failed(errors))), opened)


def failure_fields(error: ApiError) -> dict[str, Any]:
    """Log the error of one picture among others, and return what OpenAI's format has of it."""
    return OpenAIError.of(log_failure(error), error.status).error


def _generated(pictures: list[GenerationOptions]) -> tuple[list[GenerationResponse], list[ApiError]]:
    """Return the responses in the order of the pictures, and the errors as they came."""
    made: dict[int, GenerationResponse] = {}
    errors: list[ApiError] = []
    for outcome in Batch(pictures, stream=False).outcomes():
        if outcome is None:
            continue
        if isinstance(outcome.content, ApiError):
            errors.append(outcome.content)
        else:
            made[outcome.number] = outcome.content
    if not made:
        raise errors[0]
    return [made[number] for number in sorted(made)], errors


def _opened(made: list[GenerationResponse], errors: list[ApiError]) -> list[EmbeddedPicture]:
    """Open the pictures that can be, and add the errors of the others. Raises the first error if there are none."""
    opened: list[EmbeddedPicture] = []
    for response in made:
        try:
            opened.append(EmbeddedPicture.of(response))
        except ApiError as error:
            errors.append(error)
    if not opened:
        raise errors[0]
    return opened


def _failed(errors: list[ApiError]) -> list[dict[str, Any]]:
    return [failure_fields(it) for it in errors]
