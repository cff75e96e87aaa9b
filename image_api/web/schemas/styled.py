"""The styled family: a prompt in a named style and an aspect ratio; `status`, and `message` if there is an error."""

from typing import Literal, Self, get_args

from pydantic import BaseModel, Field

from image_api.generation.options import GenerationOptions, ResponseFormat
from image_api.styles import ACCEPTED, STYLES, Style, StyleName
from image_api.web.responses import absolute_url
from render_worker.contract import ErrorBody, Fields, GenerateResult, PassedOver, Recipe, StorageProblem, Text

AspectRatio = Literal["1:1", "16:9", "9:16", "4:3", "3:4", "3:2", "2:3"]

SQUARE: AspectRatio = "1:1"


class StyledRequest(Fields):
    """The body of POST /v1/images/generate; null is the same as left out."""

    prompt: Text = Field(description=Recipe.model_fields["prompt"].description)
    style: StyleName | None = Field(None, description=f"{ACCEPTED}, or left out")
    aspect_ratio: AspectRatio | None = Field(
        None, description=f"one of {', '.join(get_args(AspectRatio))}, or left out"
    )
    model: str | None = Field(None, description=Recipe.model_fields["model"].description)

    response_format: ResponseFormat = Field(
        "url", description=GenerationOptions.model_fields["response_format"].description
    )

    def options(self) -> GenerationOptions:
        """Return the options of the picture. Raises InvalidField if the style leaves no room for the prompt."""
        fields = {
            "prompt": self.prompt,
            "aspect_ratio": self.aspect_ratio or SQUARE,
            "model": self.model or "auto",
            "response_format": self.response_format,
        }
        options = GenerationOptions.parse(fields.items()).model_copy(update={"cache_without_seed": True})
        return options.styled_by(STYLES[self.style]) if self.style else options


class StyledResponse(BaseModel):
    """A picture in this family's format."""

    status: Literal["success"] = "success"
    from_cache: bool
    image_url: str
    b64_json: str | None = None
    created_at: str
    prompt: str
    revised_prompt: str | None = None
    """The prompt with the style's words; None if no style was named."""
    style: str | None = None
    aspect_ratio: AspectRatio
    width: int
    height: int
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
        changes = {
            "from_cache": result.cached,
            "image_url": absolute_url(result.image_url, base),
            "prompt": body.prompt,
            "revised_prompt": result.prompt if body.style else None,
            "style": body.style,
            "aspect_ratio": body.aspect_ratio or SQUARE,
            "request_id": request_id,
        }
        return cls(**{**result.model_dump(), **changes})


class StyledError(BaseModel):
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
    def of(cls, body: ErrorBody, _status: int) -> Self:
        """Return the error in this family's format."""
        return cls(message=body.error, **body.model_dump(exclude={"success", "error"}))


class StyleList(BaseModel):
    """Every style that `style` accepts."""

    status: Literal["success"] = "success"
    styles: list[Style]
    simulated: bool | None = None
