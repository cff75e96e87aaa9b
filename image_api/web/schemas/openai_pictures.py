"""OpenAI's image API: its pictures, in one response or as events."""

import time
from typing import Any, Literal, Self

from image_api.generation.results import absolute_url
from image_api.web.schemas.openai import EventFamily, ImagesRequest, OpenAIError
from image_api.web.schemas.response_model import ResponseModel
from render_worker.contract import ErrorBody, GenerateResult, PassedOver


class InputTokens(ResponseModel):
    """The tokens of a request, none of which is counted here."""

    image_tokens: int = 0
    text_tokens: int = 0


class Usage(ResponseModel):
    """The tokens that pictures cost: none, because no engine counts them. OpenAI's clients require the numbers."""

    input_tokens: int = 0
    input_tokens_details: InputTokens = InputTokens()
    output_tokens: int = 0
    total_tokens: int = 0


class Image(ResponseModel):
    """One picture, as `url`, as `b64_json`, or as both."""

    url: str | None = None
    b64_json: str | None = None
    revised_prompt: str | None = None
    seed: int | None = None
    width: int
    height: int
    blurhash: str | None = None
    dominant_color: str | None = None
    alt: str
    engine: str
    fallback_from: list[PassedOver] | None = None
    ignored: list[str] | None = None
    expected_seconds: int | None = None
    expires_at: str | None = None
    note: str | None = None

    @classmethod
    def of(cls, body: ImagesRequest, result: GenerateResult, base: str, b64_json: str | None = None) -> Self:
        """Return a result as OpenAI's clients know it; `base` is where this service is reached."""
        return cls(
            url=absolute_url(result.image_url, base) if body.with_url else None,
            b64_json=b64_json,
            revised_prompt=result.prompt if body.style else None,
            seed=result.seed,
            width=result.width,
            height=result.height,
            blurhash=result.blurhash,
            dominant_color=result.dominant_color,
            alt=body.alt,
            engine=result.engine,
            fallback_from=result.fallback_from,
            ignored=body.ignored(result),
            expected_seconds=result.expected_seconds,
            expires_at=result.expires_at if body.with_url else None,
            note=result.note,
        )


class ImagesResponse(ResponseModel):
    """The pictures, and of OpenAI's fields about them those that are true of all."""

    created: int
    data: list[Image]
    background: Literal["opaque"] = "opaque"
    output_format: str | None = None
    size: str | None = None
    model: str
    """The model that served the one of the request."""
    usage: Usage | None = None
    failed: list[dict[str, Any]] | None = None
    """Why the pictures that are missing were not made: each as `failure` has it."""
    simulated: bool | None = None

    @classmethod
    def of(
        cls,
        body: ImagesRequest,
        model: str,
        results: list[GenerateResult],
        images: list[Image],
        failed: list[dict[str, Any]],
    ) -> Self:
        """Return the response with the images of these results."""
        formats = {_format(it) for it in results}
        sizes = {_size(it) for it in results}
        return cls(
            created=int(time.time()),
            data=images,
            output_format=formats.pop() if len(formats) == 1 else None,
            size=sizes.pop() if len(sizes) == 1 else None,
            model=model,
            usage=Usage() if body.with_usage else None,
            failed=failed or None,
            simulated=True if any(it.simulated for it in results) else None,
        )


class CompletedEvent(Image):
    """The event of a picture that is made."""

    type: Literal["image_generation.completed", "image_edit.completed"]
    created_at: int
    size: str
    quality: Literal["auto"] = "auto"
    """Clients require one, and there is none to choose here."""
    background: Literal["opaque"] = "opaque"
    output_format: str
    usage: Usage = Usage()
    model: str
    simulated: bool | None = None

    @classmethod
    def completed(cls, family: EventFamily, model: str, result: GenerateResult, image: Image) -> Self:
        """Return the event of a result that `model` made, and of its image."""
        return cls(
            **image.model_dump(),
            type=f"{family}.completed",
            created_at=int(time.time()),
            size=_size(result),
            output_format=_format(result),
            model=model,
            simulated=result.simulated,
        )


class PartialEvent(ResponseModel):
    """The event of a preview."""

    type: Literal["image_generation.partial_image", "image_edit.partial_image"]
    b64_json: str
    created_at: int
    partial_image_index: int
    size: Literal["auto"] = "auto"
    """Clients require one that OpenAI's models make; that of the preview is none of the picture."""
    quality: Literal["auto"] = "auto"
    background: Literal["opaque"] = "opaque"
    output_format: Literal["jpeg"] = "jpeg"

    @classmethod
    def of(cls, family: EventFamily, index: int, preview: str) -> Self:
        """Return the event of a preview, which is a JPEG in a data URL."""
        return cls(
            type=f"{family}.partial_image",
            b64_json=preview.partition(",")[2],
            created_at=int(time.time()),
            partial_image_index=index,
        )


class FailedEvent(ResponseModel):
    """The event of a picture that was not made, while others of the request were: an extension of OpenAI's events."""

    type: Literal["image_generation.failed", "image_edit.failed"]
    failure: dict[str, Any]
    """As the function of that name has it; clients take an event with a field of that name for the stream's end."""


class ErrorEvent(OpenAIError):
    """The last event if there is no picture: OpenAI's clients raise it as they do an error response."""

    type: Literal["error"] = "error"


def failure(index: int, body: ErrorBody, status: int) -> dict[str, Any]:
    """Return why the picture at a place among those requested was not made: OpenAI's error, and `index`, from 0."""
    return {"index": index, **OpenAIError.of(body, status).error}


def _size(result: GenerateResult) -> str:
    return f"{result.width}x{result.height}"


def _format(result: GenerateResult) -> str:
    return result.content_type.removeprefix("image/")
