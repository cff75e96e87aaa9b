"""The wire contract between the tiers: what travels to the render worker and what comes back.

This module is the worker's published interface and the only one that the API tier may import: pydantic models, and
the one way to read a caller's fields into them.

    Recipe            everything that decides how a picture looks
    GenerateRequest   a recipe, its id and the time left for it: the body of `POST /generate`
    GenerateResult    the answer to it
    ErrorBody         every failure, of either tier
    Progress          a line of the answer as a stream, which ends with one ResultLine or ErrorLine
    WorkerHealth      the answer to `GET /health`
    ModelList         the answer to `GET /models`
"""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field

from render_worker.contract.fields import MAX_TEXT as MAX_TEXT  # these belong to the contract too
from render_worker.contract.fields import Fields as Fields
from render_worker.contract.fields import InvalidField as InvalidField
from render_worker.contract.fields import Text as Text

VERSION = "0.1.0"
MAX_BODY_BYTES = 64 * 1024  # two texts of 2,000 characters, each character escaped as "\ud83d\ude00", and some room
SERVICE_HEADER = "X-Service"  # with SERVICE on every answer of a worker; the error page of an edge has it not
SERVICE = "render-worker"
CLIENT_HEADER = "X-Client-Id"  # whose request it is, as the API tier's keyed hash; a worker of before ignores it
NDJSON = "application/x-ndjson"  # in the Accept of `POST /generate` it asks for the answer as a stream of lines
MAX_SEED = 2**31 - 1
NO_REQUEST_ID = "-"
IMAGE_NAME = r"[0-9a-f]{64}\.(?:png|jpg|webp)"  # a stored picture is named by the SHA-256 of its bytes
IMAGE_TYPES = {"png": "image/png", "jpg": "image/jpeg", "webp": "image/webp"}  # by the name's ending

Shape = Literal["portrait", "landscape", "square"]
SIZES: dict[Shape, tuple[int, int]] = {"portrait": (512, 768), "landscape": (768, 512), "square": (768, 768)}
"""Width and height in pixels of each shape, as Perchance makes them."""

OutputFormat = Literal["png", "jpeg", "webp"]


Within = Annotated[
    float | None,
    Field(
        gt=0,
        le=3600,
        allow_inf_nan=False,
        description="a number of seconds above 0, 3,600 at most; it only goes with model=auto",
    ),
]
"""How long the caller would wait: an engine that is likely to take longer is not asked. It is no deadline."""


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
    output_format: OutputFormat = Field("png", description="one of png, jpeg, webp")
    negative_prompt_optional: Literal[True] | None = Field(
        None, description="true or left out", exclude_if=lambda said: said is None
    )
    """The negative prompt belongs to a style; an engine that takes none does without it, and nothing is said of it."""

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
    within: Within = None


class PassedOver(BaseModel):
    """An engine that comes before the one that answered, and the code of what kept it from answering."""

    engine: str
    code: str


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
    seed: int | None = None
    """Left out where the engine does not tell which it used, as `guidance_scale` where it has no such thing."""
    shape: Shape
    guidance_scale: float | None = None
    negative_prompt: str | None = None
    width: int
    height: int
    content_type: str
    bytes: int
    sha256: str
    nsfw: bool | None = None
    engine: str
    engine_model: str | None = None
    """The model that the engine used, where it has several."""
    model: str
    fallback_from: list[PassedOver] | None = None
    ignored: list[str] | None = None
    """Parameters that were asked for and that the engine cannot honour; never with a named model."""
    expected_seconds: int | None = None
    """Where `within` was asked: what nine tenths of the engine's recent pictures did not exceed, waiting included."""
    storage: str
    storage_error: StorageProblem | None = None
    expires_at: str | None = None
    """When the address stops leading to the picture; left out where it does not."""
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
    expected_seconds: int | None = None
    fallback_from: list[PassedOver] | None = None
    request_id: str | None = None
    simulated: bool | None = None


Phase = Literal["waking", "queued", "starting", "verifying", "generating", "downloading", "saving"]


class Progress(BaseModel):
    """How far one generation is. What nobody knows is left out, and nothing is guessed from the time that passed."""

    event: Literal["progress"] = "progress"
    phase: Phase
    message: str
    position: int | None = None
    """Place in the queue among those who wait for the same engine; 1 is the next."""
    percent: int | None = Field(None, ge=0, le=100)
    step: int | None = None
    total: int | None = None
    expected_seconds: int | None = None
    """Until the picture is there, as far as recent pictures of the same engine tell."""


class Heartbeat(BaseModel):
    """A line without news, so that nothing on the way takes the connection for dead."""

    event: Literal["heartbeat"] = "heartbeat"


class ResultLine(BaseModel):
    """The last line of a stream that brings a picture."""

    event: Literal["result"] = "result"
    result: GenerateResult


class ErrorLine(BaseModel):
    """The last line of a stream that brings none, with the HTTP status that a plain answer would have."""

    event: Literal["error"] = "error"
    status: int
    error: ErrorBody


StreamLine = Annotated[Progress | Heartbeat | ResultLine | ErrorLine, Field(discriminator="event")]


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
    breaker: Literal["closed", "open", "half-open"] = "closed"
    """`open` while the engine is left alone after failures; `half-open` once the next request may try it again."""
    details: dict[str, int | str | bool] = {}
    median_seconds: float | None = None
    """What recent pictures took, and what nine tenths of them did not exceed; left out before the first."""
    p90_seconds: float | None = None
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


# Of WorkerHealth, without the worker's token: no reasons, memory or past errors. A new field is hidden by itself.
SHOWN_TO_STRANGERS: dict[str, Any] = {
    **dict.fromkeys(("status", "ready", "service", "version", "uptime_seconds", "queue", "storage", "simulated"), True),
    "engines": {"__all__": {"state", "breaker", "median_seconds", "p90_seconds"}},
}


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
    engine: str | None = None
    """Whose name it is; None of a worker of before."""
    answers_auto: bool
    state: str
    reason: str | None = None
    honours: list[str] = []
    """The parameters that it can take beside prompt and shape."""


class ModelList(BaseModel):
    """Every name that `model` accepts, besides `auto`."""

    models: list[Model]
    simulated: bool | None = None
