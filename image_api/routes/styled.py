"""/v1/images/generate: a prompt in a named style and an aspect ratio. /v1/styles: the styles.

This family's callers know another shape of answers: `status`, and `message` where something failed.
"""

from typing import Literal, get_args

from flask import Blueprint, Response, g
from pydantic import BaseModel, Field

from image_api.generation.options import GenerationOptions
from image_api.services import services
from image_api.shapes import nearest
from image_api.styles import ACCEPTED, STYLES, Style, StyleName
from image_api.web.bodies import json_body
from image_api.web.client_connection import waiter
from image_api.web.responses import absolute, as_json, base_address, speak
from render_worker.contract import ErrorBody, Fields, GenerateResult, PassedOver, Recipe, StorageProblem, Text

AspectRatio = Literal["1:1", "16:9", "9:16", "4:3", "3:4", "3:2", "2:3"]

SQUARE: AspectRatio = "1:1"

routes = Blueprint("styled", __name__)


class Asked(Fields):
    """What a caller of /v1/images/generate can say; null is the same as left out."""

    prompt: Text = Field(description=Recipe.model_fields["prompt"].description)
    style: StyleName | None = Field(None, description=f"{ACCEPTED}, or left out")
    aspect_ratio: AspectRatio | None = Field(
        None, description=f"one of {', '.join(get_args(AspectRatio))}, or left out"
    )
    model: str | None = Field(None, description=Recipe.model_fields["model"].description)

    def wanted(self) -> GenerationOptions:
        """The same in the words of everybody else."""
        width, height = (self.aspect_ratio or SQUARE).split(":")
        fields = {
            "prompt": self.prompt,
            "shape": nearest(int(width), int(height)),
            "model": self.model or "auto",
        }
        wanted = GenerationOptions.parse(fields.items())
        return wanted.styled_by(STYLES[self.style]) if self.style else wanted


class Made(BaseModel):
    """A picture in this family's shape."""

    status: Literal["success"] = "success"
    from_cache: bool
    image_url: str
    created_at: str
    prompt: str
    revised_prompt: str | None = None
    """What was drawn, where a style changed it."""
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


class Failure(BaseModel):
    """A failure in this family's shape."""

    status: Literal["error"] = "error"
    message: str
    code: str
    hint: str | None = None
    retry_after: int | None = None
    fallback_from: list[PassedOver] | None = None
    request_id: str | None = None
    simulated: bool | None = None


class StyleList(BaseModel):
    """Every style that `style` accepts."""

    status: Literal["success"] = "success"
    styles: list[Style]
    simulated: bool | None = None


@routes.post("/v1/images/generate")
def generate() -> Response:
    """Make a picture of a prompt in a style, in the shape that comes nearest to an aspect ratio."""
    base = base_address()  # first, so that a bad Host header costs no generation
    asked = Asked.parse_json(json_body())
    wanted = asked.wanted().model_copy(update={"cache_without_seed": True})
    made = services().generation.generate(wanted, g.request_id, waiter())
    answer = as_json(_made(asked, made.result, absolute(made.result.image_url, base)))
    answer.headers["X-Cache"] = made.source
    return answer


@routes.get("/v1/styles")
def styles() -> Response:
    """The styles, with what each makes of a prompt."""
    return as_json(StyleList(styles=list(STYLES.values())))


def _made(asked: Asked, result: GenerateResult, address: str) -> Made:
    ours = {
        "from_cache": result.cached,
        "image_url": address,
        "prompt": asked.prompt,
        "revised_prompt": result.prompt if asked.style else None,
        "style": asked.style,
        "aspect_ratio": asked.aspect_ratio or SQUARE,
        "request_id": g.request_id,
    }
    return Made(**{**result.model_dump(), **ours})


def _failure(body: ErrorBody, _: int) -> Failure:
    return Failure(message=body.error, **body.model_dump(exclude={"success", "error"}))


for path in ("/v1/images/generate", "/v1/styles"):
    speak(routes, path, _failure)
