"""The response: a stored picture, or an error."""

from typing import ClassVar, Literal

from pydantic import BaseModel

from render_worker.contract.nulls import WithNulls
from render_worker.contract.sizes import Shape

IMAGE_NAME = r"[0-9a-f]{64}\.(?:png|jpg|webp)"  # a stored picture is named by the SHA-256 of its bytes
IMAGE_TYPES = {"png": "image/png", "jpg": "image/jpeg", "webp": "image/webp"}  # by the name's ending


SafetyFilterResult = Literal["flagged", "not_checked", "passed"]
"""What an engine's own classification of a picture says, the worst first."""


def safety_filter_result(nsfw: bool | None) -> SafetyFilterResult:
    """Return the word for a classification; None is one that the engine did not make."""
    if nsfw is None:
        return "not_checked"
    return "flagged" if nsfw else "passed"


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


class GenerateResult(WithNulls):
    """A picture that is made and stored. An `image_url` that starts with a slash is on the worker itself."""

    written_as_null: ClassVar[frozenset[str]] = frozenset({"nsfw"})

    success: Literal[True] = True
    """`true`."""
    image_url: str
    """The picture's address, which is absolute in what clients get."""
    prompt: str
    """As the engine got it: with the words of a style, if one was named."""
    seed: int | None = None
    """The seed used; left out if the engine does not tell."""
    shape: Shape
    """The nearest to the picture."""
    aspect_ratio: str | None = None
    """As requested, if the picture has it."""
    guidance_scale: float | None = None
    """As used; left out if the engine has no such parameter."""
    strength: float | None = None
    """Of an image: as requested, or else the engine's own; left out if the engine has none, or does not tell."""
    steps: int | None = None
    """Denoising steps as the scheduler took them; left out if the engine does not tell."""
    scheduler: str | None = None
    """As used; left out if the engine does not tell."""
    lora_path: str | None = None
    """As requested, if the engine honoured it."""
    lora_scale: float | None = None
    """As used."""
    negative_prompt: str | None = None
    """As used; left out if it is in `ignored`."""
    width: int
    """Pixels, always the file's."""
    height: int
    """The same."""
    blurhash: str | None = None
    """A few bytes of which a page draws a blurred picture (https://blurha.sh), of 4 by 4 components at most.
    Transparent parts are white. Older workers lack it and the next two."""
    dominant_color: str | None = None
    """The colour of the largest group of similar ones, as `#rrggbb`."""
    alt: str | None = None
    """The client's prompt on one line as alternative text, cut between words to at most 125 characters."""
    content_type: str
    """The type of the stored file."""
    bytes: int
    """The size of the file that was given to the storage."""
    sha256: str
    """Its SHA-256."""
    nsfw: bool | None = None
    """The classification by the engine or its service; null if it returns none."""
    cost: float | None = None
    """What the attempts at it may have been billed at most, in US dollars; 0 if all were free, None if that is not
    known, and from older workers."""
    engine: str
    """The engine that made it."""
    engine_model: str | None = None
    """The model that the engine used, if it has several."""
    model: str
    """As requested."""
    fallback_from: list[PassedOver] | None = None
    """Preferred engines that did not make it, and why: `[{engine, code}]`."""
    ignored: list[str] | None = None
    """Requested parameters that the engine cannot honour; with a named model only a size that is a wish."""
    expected_seconds: int | None = None
    """With `within`: what the engine was expected to take, by its recent p90 latency, waiting included."""
    storage: str
    """The storage that keeps it."""
    storage_error: StorageProblem | None = None
    """Why the preferred storage does not keep it: `{storage, code, error, retry_after?}`."""
    expires_at: str | None = None
    """When the address expires (UTC), as a signed link does; left out if it does not."""
    cached: bool = False
    """Whether it was made for an earlier request."""
    duration_ms: int
    """The worker's time for it."""
    created_at: str
    """When it was made (UTC)."""
    request_id: str
    """The request's id, which the logs have."""
    note: str | None = None
    """A sentence about the picture; `sketch` says that it is no AI."""
    simulated: bool | None = None
    """`true` if the sandbox stood in for the engine's service."""


class ErrorBody(BaseModel):
    """An error: one plain sentence for people, one stable code for programs."""

    success: Literal[False] = False
    error: str
    code: str
    hint: str | None = None
    retry_after: int | None = None
    cost: float | None = None
    """What the attempts may have been billed at most, in US dollars, if it is known and not 0."""
    expected_seconds: int | None = None
    fallback_from: list[PassedOver] | None = None
    request_id: str | None = None
    simulated: bool | None = None
