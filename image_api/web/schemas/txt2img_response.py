"""The response of POST /v1/txt2img and /v1/img2img: pictures as base64, and how each was made."""

from typing import ClassVar, Literal, Self, get_args

from image_api.generation.results import absolute_url
from image_api.web.parameter_names import names_of_client
from image_api.web.schemas.pictures import IndexedError
from render_worker.contract import (
    AUTO,
    KEEPING_ENGINE,
    GenerateResult,
    PassedOver,
    SafetyFilterResult,
    StorageProblem,
    WithNulls,
    safety_filter_result,
)

WORST_FIRST: tuple[SafetyFilterResult, ...] = get_args(SafetyFilterResult)


class TextToImagePicture(WithNulls):
    """How one of the pictures was made, and where it stays."""

    written_as_null: ClassVar[frozenset[str]] = GenerateResult.written_as_null

    index: int
    """Its place among those requested, from 0."""
    image_url: str
    """Its address, which is absolute."""
    seed: int | None = None
    """The seed used; left out if the engine does not tell."""
    model_id: str
    """The model that made it, or the engine if that does not tell."""
    engine: str
    engine_model: str | None = None
    width: int
    """Pixels, always the picture's."""
    height: int
    num_inference_steps: int | None = None
    """As the scheduler took them; left out if the engine does not tell."""
    guidance_scale: float | None = None
    """As used; left out if the engine has no such parameter."""
    scheduler: str | None = None
    """As used; left out if the engine does not tell."""
    negative_prompt: str | None = None
    """As used."""
    strength: float | None = None
    """As used, of an image."""
    lora_path: str | None = None
    lora_scale: float | None = None
    latency_ms: int
    """The render worker's time for it."""
    safety_filter_result: SafetyFilterResult
    """`passed`, or `flagged` and black, if the engine returns a classification; `not_checked` if it returns none."""
    nsfw: bool | None = None
    """The same as true, false or null."""
    ignored: list[str] | None = None
    """Requested parameters that the engine cannot honour; with a named model there are none."""
    note: str | None = None
    """What was made in another way than requested, such as smaller for want of memory."""
    cached: bool
    content_type: str
    bytes: int
    sha256: str
    blurhash: str | None = None
    dominant_color: str | None = None
    fallback_from: list[PassedOver] | None = None
    """Preferred engines that did not make it, and why."""
    storage: str
    storage_error: StorageProblem | None = None
    expires_at: str | None = None
    created_at: str
    simulated: bool | None = None

    @classmethod
    def of(cls, index: int, result: GenerateResult, base: str) -> Self:
        """Return one of the pictures; its address is below the base URL, or elsewhere."""
        changes = {
            "index": index,
            "image_url": absolute_url(result.image_url, base),
            "model_id": _model_id(result),
            "num_inference_steps": result.steps,
            "latency_ms": result.duration_ms,
            "safety_filter_result": safety_filter_result(result.nsfw),
            "ignored": names_of_client(result.ignored),
        }
        return cls(**{**result.model_dump(), **changes})


class TextToImageResponse(WithNulls):
    """Pictures as base64. What differs between them is that of the first, and `pictures` has it of each."""

    written_as_null: ClassVar[frozenset[str]] = GenerateResult.written_as_null

    success: Literal[True] = True
    image: str
    """The first picture: a PNG as base64."""
    images: list[str]
    """Every picture, in the order of their seeds."""
    prompt: str
    seed: int | None = None
    """The seed used; left out if the engine does not tell."""
    seeds: list[int] | None = None
    """Those of all; left out if an engine does not tell."""
    model_id: str
    """The model that made them, or the engine if that does not tell."""
    engine: str
    width: int
    """Pixels, always the picture's."""
    height: int
    num_inference_steps: int | None = None
    """As the scheduler took them; left out if the engine does not tell."""
    guidance_scale: float | None = None
    scheduler: str | None = None
    """As used; left out if the engine does not tell."""
    negative_prompt: str | None = None
    strength: float | None = None
    lora_path: str | None = None
    lora_scale: float | None = None
    latency_ms: int
    """From the request to the response."""
    safety_filter_result: SafetyFilterResult
    """`flagged` if one was, else `not_checked` if one was not, else `passed`."""
    nsfw: bool | None = None
    """The same as true, null or false."""
    ignored: list[str] | None = None
    note: str | None = None
    pictures: list[TextToImagePicture]
    failed: list[IndexedError] | None = None
    """Why the pictures that are missing were not made."""
    request_id: str
    simulated: bool | None = None

    @classmethod
    def of(
        cls,
        prompt: str,
        images: list[str],
        pictures: list[TextToImagePicture],
        failed: list[IndexedError],
        *,
        image: str,
        latency_ms: int,
        request_id: str,
    ) -> Self:
        """Return the response with the images of these pictures, the first of them twice."""
        seeds = [it.seed for it in pictures if it.seed is not None]
        worst = min(pictures, key=lambda it: WORST_FIRST.index(it.safety_filter_result))
        first = pictures[0].model_dump(include=set(cls.model_fields))
        of_all = {
            "safety_filter_result": worst.safety_filter_result,
            "nsfw": worst.nsfw,
            "latency_ms": latency_ms,
        }
        return cls(
            **{**first, **of_all},
            prompt=prompt,
            image=image,
            images=images,
            seeds=seeds if len(seeds) == len(pictures) else None,
            pictures=pictures,
            failed=failed or None,
            request_id=request_id,
        )


def _model_id(result: GenerateResult) -> str:
    """Return the name by which the model that made a picture can be asked for."""
    if result.engine == KEEPING_ENGINE and result.engine_model:
        return result.engine_model
    return result.engine if result.model == AUTO else result.model
