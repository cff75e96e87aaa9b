"""The response: a stored picture, or an error."""

from typing import Literal

from pydantic import BaseModel

from render_worker.contract.sizes import Shape

IMAGE_NAME = r"[0-9a-f]{64}\.(?:png|jpg|webp)"  # a stored picture is named by the SHA-256 of its bytes
IMAGE_TYPES = {"png": "image/png", "jpg": "image/jpeg", "webp": "image/webp"}  # by the name's ending


class PassedOver(BaseModel):
    """A candidate before the engine that answered, and the code of the error that ruled it out."""

    engine: str
    code: str


class StorageProblem(BaseModel):
    """Why the preferred storage did not keep the picture, when a fallback did."""

    storage: str
    code: str
    error: str
    retry_after: int | None = None


class GenerateResult(BaseModel):
    """A picture that is made and stored. An `image_url` that starts with a slash is on the worker itself."""

    success: Literal[True] = True
    image_url: str
    prompt: str
    seed: int | None = None
    """The seed used; left out if the engine does not tell, as `guidance_scale` if it has none."""
    shape: Shape
    aspect_ratio: str | None = None
    """As it was asked for."""
    guidance_scale: float | None = None
    strength: float | None = None
    """As it was asked for, of an image, if the engine honoured it."""
    negative_prompt: str | None = None
    width: int
    height: int
    blurhash: str | None = None
    """A few bytes of which a page draws a blurred picture (https://blurha.sh); from workers that have it, as the next
    two."""
    dominant_color: str | None = None
    """As #rrggbb."""
    alt: str | None = None
    """The alternative text, of the prompt."""
    content_type: str
    bytes: int
    sha256: str
    nsfw: bool | None = None
    engine: str
    engine_model: str | None = None
    """The model that the engine used, if it has several."""
    model: str
    fallback_from: list[PassedOver] | None = None
    ignored: list[str] | None = None
    """Parameters of the request that the engine cannot honour; with a named model only a size that is a wish."""
    expected_seconds: int | None = None
    """If the request has `within`: the engine's recent p90 latency, waiting included."""
    storage: str
    storage_error: StorageProblem | None = None
    expires_at: str | None = None
    """When the URL expires; left out if it does not."""
    cached: bool = False
    duration_ms: int
    created_at: str
    request_id: str
    note: str | None = None
    simulated: bool | None = None


class ErrorBody(BaseModel):
    """An error: one plain sentence for people, one stable code for programs."""

    success: Literal[False] = False
    error: str
    code: str
    hint: str | None = None
    retry_after: int | None = None
    expected_seconds: int | None = None
    fallback_from: list[PassedOver] | None = None
    request_id: str | None = None
    simulated: bool | None = None
