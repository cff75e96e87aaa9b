"""The response as a stream of JSON lines: progress, heartbeats, and one result or error at the end."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from render_worker.contract.result import ErrorBody, GenerateResult

MAX_PREVIEW_BYTES = 64 * 1024
NDJSON = "application/x-ndjson"  # in the Accept of `POST /generate` it asks for a stream of lines

Phase = Literal["waking", "queued", "starting", "verifying", "generating", "downloading", "saving"]


class Progress(BaseModel):
    """Progress of one generation. What is unknown is left out; nothing is estimated from the time that has passed."""

    event: Literal["progress"] = "progress"
    phase: Phase
    message: str
    position: int | None = None
    """Position in the queue of the same engine; 1 is the next."""
    percent: int | None = Field(None, ge=0, le=100)
    step: int | None = None
    total: int | None = None
    expected_seconds: int | None = None
    """Seconds until the picture is there, by the engine's recent latency."""
    preview: str | None = None
    """The unfinished picture as a small JPEG in a data URL; at most some MAX_PREVIEW_BYTES of base64."""


class Heartbeat(BaseModel):
    """A line without news, so that no proxy closes an idle connection."""

    event: Literal["heartbeat"] = "heartbeat"


class ResultLine(BaseModel):
    """The last line of a stream that succeeds."""

    event: Literal["result"] = "result"
    result: GenerateResult


class ErrorLine(BaseModel):
    """The last line of a stream that fails, with the HTTP status that a plain response would have."""

    event: Literal["error"] = "error"
    status: int
    error: ErrorBody


StreamLine = Annotated[Progress | Heartbeat | ResultLine | ErrorLine, Field(discriminator="event")]
