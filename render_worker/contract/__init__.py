"""The wire contract between the tiers: what travels to the render worker and what comes back.

This package is the worker's published interface: pydantic models, and the one way to read a client's fields into them.
It imports nothing else of the worker. Both tiers import from the package itself, never from its modules.

    Recipe            all that decides how a picture looks
    GenerateRequest   a recipe, its request id and its timeout: the body of `POST /generate`
    GenerateResult    the response to it
    ErrorBody         every error response, of either tier
    Progress          a line of the response as a stream, which ends with one ResultLine or ErrorLine
    WorkerHealth      the response to `GET /health`
    ModelList         the response to `GET /models`
"""

from render_worker.contract.alt import alternative_text
from render_worker.contract.errors import InvalidField
from render_worker.contract.fields import MAX_TEXT, Fields, Text
from render_worker.contract.health import (
    PUBLIC_HEALTH,
    SERVICE,
    SERVICE_HEADER,
    VERSION,
    EngineHealth,
    MemoryHealth,
    Model,
    ModelList,
    ModelSizes,
    PastError,
    QueueHealth,
    SessionHealth,
    SizeBounds,
    WorkerHealth,
)
from render_worker.contract.recipe import (
    AUTO,
    CLIENT_HEADER,
    IMAGE_PART,
    MAX_BODY_BYTES,
    MAX_IMAGE_BYTES,
    MAX_SEED,
    NO_REQUEST_ID,
    OPEN,
    REQUEST_PART,
    AspectRatio,
    GenerateRequest,
    OutputFormat,
    Preference,
    Recipe,
    StoredFormat,
    Within,
)
from render_worker.contract.result import (
    IMAGE_NAME,
    IMAGE_TYPES,
    ErrorBody,
    GenerateResult,
    PassedOver,
    StorageProblem,
)
from render_worker.contract.sizes import (
    MAX_SIDE,
    MIN_SIDE,
    PROPORTIONS,
    SIDE_STEP,
    SIZE_PATTERN,
    WIDEST,
    Shape,
    Size,
    difference,
    is_side,
    nearest_shape,
    proportion_of,
    size_of,
    to_side,
)
from render_worker.contract.stream import (
    MAX_PREVIEW_BYTES,
    NDJSON,
    ErrorLine,
    Heartbeat,
    Phase,
    Progress,
    ResultLine,
    StreamLine,
)
from render_worker.contract.trackers import is_tracker

__all__ = [
    "AUTO",
    "CLIENT_HEADER",
    "IMAGE_NAME",
    "IMAGE_PART",
    "IMAGE_TYPES",
    "MAX_BODY_BYTES",
    "MAX_IMAGE_BYTES",
    "MAX_PREVIEW_BYTES",
    "MAX_SEED",
    "MAX_SIDE",
    "MAX_TEXT",
    "MIN_SIDE",
    "NDJSON",
    "NO_REQUEST_ID",
    "OPEN",
    "PROPORTIONS",
    "PUBLIC_HEALTH",
    "REQUEST_PART",
    "SERVICE",
    "SERVICE_HEADER",
    "SIDE_STEP",
    "SIZE_PATTERN",
    "VERSION",
    "WIDEST",
    "AspectRatio",
    "EngineHealth",
    "ErrorBody",
    "ErrorLine",
    "Fields",
    "GenerateRequest",
    "GenerateResult",
    "Heartbeat",
    "InvalidField",
    "MemoryHealth",
    "Model",
    "ModelList",
    "ModelSizes",
    "OutputFormat",
    "PassedOver",
    "PastError",
    "Phase",
    "Preference",
    "Progress",
    "QueueHealth",
    "Recipe",
    "ResultLine",
    "SessionHealth",
    "Shape",
    "Size",
    "SizeBounds",
    "StorageProblem",
    "StoredFormat",
    "StreamLine",
    "Text",
    "Within",
    "WorkerHealth",
    "alternative_text",
    "difference",
    "is_side",
    "is_tracker",
    "nearest_shape",
    "proportion_of",
    "size_of",
    "to_side",
]
