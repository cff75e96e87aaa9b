"""The styled family: a prompt in a named style and an aspect ratio; `status`, and `message` if there is an error."""

from fractions import Fraction
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field

from image_api.generation.options import IMAGE_NAMES, GenerationOptions, ResponseFormat
from image_api.generation.results import absolute_url
from image_api.styles import Style
from image_api.web.schemas.error_format import ErrorFormat
from image_api.web.schemas.picture_request import LIKE, PictureRequest, if_left_out
from image_api.web.schemas.response_model import ResponseModel
from render_worker.contract import AUTO, ErrorBody, GenerateResult, PassedOver, StorageProblem, WithNulls


class StyledRequest(PictureRequest):
    """The body of POST /v1/images/generate; null is the same as left out."""

    other_names = dict.fromkeys(
        ("image", "mask", "strength", *IMAGE_NAMES), "POST /generate takes an image to begin with"
    )

    model: Annotated[str | None, LIKE["model"], if_left_out(AUTO)] = None
    response_format: ResponseFormat = Field(
        "url", description=GenerationOptions.model_fields["response_format"].description
    )

    def options(self) -> GenerationOptions:
        """Return the options of the picture. Raises InvalidField as `options_with`."""
        options = self.options_with({"model": self.model, "response_format": self.response_format})
        return options.model_copy(update={"cache_without_seed": True})


class StyledResponse(WithNulls):
    """A picture in this family's format."""

    written_as_null: ClassVar[frozenset[str]] = GenerateResult.written_as_null

    status: Literal["success"] = "success"
    from_cache: bool
    image_url: str
    b64_json: str | None = None
    created_at: str
    prompt: str
    revised_prompt: str | None = None
    """The prompt with the style's words; None if no style was named."""
    style: str | None = None
    aspect_ratio: str
    """As it was asked for, else the picture's own."""
    width: int
    height: int
    blurhash: str | None = None
    dominant_color: str | None = None
    alt: str
    seed: int | None = None
    content_type: str
    bytes: int
    sha256: str
    nsfw: bool | None = None
    engine: str
    engine_model: str | None = None
    model: str
    fallback_from: list[PassedOver] | None = None
    ignored: list[str] | None = None
    expected_seconds: int | None = None
    storage: str
    storage_error: StorageProblem | None = None
    expires_at: str | None = None
    duration_ms: int
    request_id: str
    note: str | None = None
    simulated: bool | None = None

    @classmethod
    def of(cls, body: StyledRequest, result: GenerateResult, base: str, request_id: str) -> Self:
        """Return a result, and what the request said of it. Its address is below the base URL, or elsewhere."""
        ignored = body.ignored(result)
        kept = body.aspect_ratio if "aspect_ratio" not in (ignored or ()) else None
        changes = {
            "from_cache": result.cached,
            "image_url": absolute_url(result.image_url, base),
            "prompt": body.prompt,
            "alt": body.alt,
            "revised_prompt": result.prompt if body.style else None,
            "style": body.style,
            "aspect_ratio": kept or _aspect_ratio(result),
            "ignored": ignored,
            "request_id": request_id,
        }
        return cls(**{**result.model_dump(), **changes})


def _aspect_ratio(result: GenerateResult) -> str:
    proportion = Fraction(result.width, result.height)
    return f"{proportion.numerator}:{proportion.denominator}"


class StyledError(ErrorFormat):
    """An error in this family's format."""

    status: Literal["error"] = "error"
    message: str
    code: str
    hint: str | None = None
    retry_after: int | None = None
    fallback_from: list[PassedOver] | None = None
    request_id: str | None = None
    simulated: bool | None = None

    @classmethod
    def of(cls, body: ErrorBody, _status: int, /) -> Self:
        """Return the error in this family's format."""
        return cls(message=body.error, **body.model_dump(exclude={"success", "error"}))


class StyleList(ResponseModel):
    """Every style that `style` accepts."""

    status: Literal["success"] = "success"
    styles: list[Style]
    simulated: bool | None = None
