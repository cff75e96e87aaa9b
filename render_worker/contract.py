"""The wire contract between the tiers: what travels to the render worker and what comes back.

This module is the worker's published interface and the only one that the API tier may import: pydantic models, and
the one way to read a caller's fields into them.

    Recipe            everything that decides how a picture looks
    GenerateRequest   a recipe, its id and the time left for it: the body of `POST /generate`
    GenerateResult    the answer to it
    ErrorBody         every failure, of either tier
    WorkerHealth      the answer to `GET /health`
    ModelList         the answer to `GET /models`
"""

import json
import unicodedata
from collections import Counter
from collections.abc import Iterable
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

VERSION = "0.1.0"
MAX_BODY_BYTES = 64 * 1024  # two texts of 2,000 characters, each character escaped as "\ud83d\ude00", and some room
SERVICE_HEADER = "X-Service"  # with SERVICE on every answer of a worker; the error page of an edge has it not
SERVICE = "render-worker"
MAX_TEXT = 2_000
MAX_SEED = 2**31 - 1
MAX_DIGITS = 20
NO_REQUEST_ID = "-"
IMAGE_NAME = r"[0-9a-f]{64}\.png"  # a stored picture is named by the SHA-256 of its bytes

Shape = Literal["portrait", "landscape", "square"]
SIZES: dict[Shape, tuple[int, int]] = {"portrait": (512, 768), "landscape": (768, 512), "square": (768, 768)}
"""Width and height in pixels of each shape, as Perchance makes them."""


class InvalidField(ValueError):
    """A caller's field that cannot be taken; the message is one sentence that names it and says what it accepts."""


def _without_control_characters(text: str) -> str:
    if any(unicodedata.category(character) == "Cc" and character not in "\n\r\t" for character in text):
        raise ValueError("control character")
    return text


Text = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_TEXT),
    AfterValidator(_without_control_characters),
]


class _JsonObject(list[tuple[str, object]]):
    """A JSON object as its pairs: unlike a dict it remembers a repeated name, and unlike a list it is no array."""


class Fields(BaseModel):
    """A caller's fields. Each field's description ends the sentence "<name> must be …"."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    @classmethod
    def parse(cls, pairs: Iterable[tuple[str, object]]) -> Self:
        """Read name-value pairs, refusing unknown, repeated, empty and out-of-range ones with InvalidField."""
        pairs = list(pairs)
        for name, count in Counter(name for name, _ in pairs).items():
            if name not in cls.model_fields:
                known = ", ".join(cls.model_fields)
                raise InvalidField(f"{_shown(name)} is not a parameter here; known are {known}.")
            if count > 1:
                raise InvalidField(f"{_shown(name)} was given {count} times; give it once.")
        try:
            return cls.model_validate(dict(pairs))
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False, include_input=False)[0]
            raise cls._refusal(str(first["loc"][0]), first["type"]) from None

    @classmethod
    def parse_json(cls, body: bytes) -> Self:
        """Read a JSON object's fields as `parse` does."""
        try:
            document = json.loads(body, object_pairs_hook=_JsonObject, parse_int=_integer)
        except (ValueError, RecursionError):
            document = None
        if not isinstance(document, _JsonObject):
            raise InvalidField('The body must be a JSON object, like {"prompt": "sunset over mountains"}.')
        return cls.parse(document)

    @classmethod
    def _refusal(cls, name: str, problem: str) -> InvalidField:
        accepted = cls.model_fields[name].description
        if problem == "missing":
            return InvalidField(f"{name} is required and must be {accepted}.")
        return InvalidField(f"{name} must be {accepted}.")


def _integer(digits: str) -> int | str:
    return int(digits) if len(digits) <= MAX_DIGITS else digits  # Python refuses to read thousands of digits


def _shown(name: str) -> str:
    """A caller's own name for a field, made fit to be repeated to him."""
    printable = "".join(character if character.isprintable() else "?" for character in name[:40])
    return f'"{printable}"'


class Recipe(Fields):
    """Everything that decides how a picture looks."""

    prompt: Text = Field(description=f"a text of 1 to {MAX_TEXT:,} characters in UTF-8 without control characters")
    negative_prompt: Text | None = Field(
        None, description=f"a text of 1 to {MAX_TEXT:,} characters in UTF-8 without control characters, or left out"
    )
    seed: int = Field(-1, ge=-1, le=MAX_SEED, description=f"an integer from -1 (random) to {MAX_SEED}")
    guidance_scale: Annotated[float, AfterValidator(abs)] = Field(  # abs: -0 is 0
        7.0, ge=0, le=20, allow_inf_nan=False, description="a number from 0 to 20"
    )
    shape: Shape = Field("square", description="one of portrait, landscape, square")
    model: str = Field(
        "auto", pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]{0,99}$", description="auto or a name from /models"
    )

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return SIZES[self.shape]


class GenerateRequest(Recipe):
    """One picture to make, within a time. The caller's clock is not the worker's: the time is a length, no moment.

    A request that is sent again with the same id and recipe gets the picture that the first one gets.
    """

    request_id: str = Field(
        NO_REQUEST_ID, pattern=r"^[A-Za-z0-9-]{1,64}$", description="up to 64 letters, digits and hyphens"
    )
    timeout_seconds: float = Field(
        300.0, gt=0, le=3600, allow_inf_nan=False, description="a number of seconds above 0, 3,600 at most"
    )


class StorageProblem(BaseModel):
    """Why the storage that was meant to keep the picture did not, so that another has it."""

    storage: str
    code: str
    error: str
    retry_after: int | None = None


class GenerateResult(BaseModel):
    """A picture that was made and kept. An `image_url` that starts with a slash is the worker's own address."""

    success: Literal[True] = True
    image_url: str
    prompt: str
    seed: int
    shape: Shape
    guidance_scale: float
    negative_prompt: str | None = None
    width: int
    height: int
    content_type: str
    bytes: int
    sha256: str
    nsfw: bool | None = None
    engine: str
    model: str
    storage: str
    storage_error: StorageProblem | None = None
    cached: bool = False
    duration_ms: int
    created_at: str
    request_id: str
    note: str | None = None
    simulated: bool | None = None


class ErrorBody(BaseModel):
    """A failure: one plain sentence for people, one stable code for programs."""

    success: Literal[False] = False
    error: str
    code: str
    hint: str | None = None
    retry_after: int | None = None
    request_id: str | None = None
    simulated: bool | None = None


class QueueHealth(BaseModel):
    """How many generations run and wait, and how many may."""

    running: int
    waiting: int
    max_concurrency: int
    queue_size: int


class SessionHealth(BaseModel):
    """One visitor of an engine's site, and the pictures that it has made since it was opened."""

    state: Literal["closed", "idle", "working"]
    images: int


class EngineHealth(BaseModel):
    """One engine's state and, where it is not ready, the reason."""

    state: Literal["starting", "ready", "resting", "down"]
    reason: str | None = None
    details: dict[str, int | str | bool] = {}
    sessions: list[SessionHealth] | None = None


class MemoryHealth(BaseModel):
    """Anonymous and shared memory of the worker with its browser, in MiB, and what it may use, where that is known."""

    used_mib: int
    limit_mib: int | None = None


class PastError(BaseModel):
    """A failure that the worker remembers."""

    at: str
    code: str
    error: str
    model: str
    request_id: str


class WorkerHealth(BaseModel):
    """What the worker is. `busy` means that every place is taken and the next caller waits or is turned away."""

    status: Literal["starting", "ready", "busy", "degraded"]
    reasons: list[str] = []
    ready: bool
    """Whether a picture of model=auto would be tried now."""
    service: str = SERVICE
    version: str = VERSION
    uptime_seconds: int
    queue: QueueHealth
    engines: dict[str, EngineHealth]
    memory: MemoryHealth | None = None
    storage: str
    last_errors: list[PastError] = []
    warnings: list[str] = []
    simulated: bool | None = None


class Model(BaseModel):
    """A name that `model` accepts."""

    name: str
    description: str
    answers_auto: bool
    state: str


class ModelList(BaseModel):
    """Every name that `model` accepts, besides `auto`."""

    models: list[Model]
    simulated: bool | None = None
