"""A job as the rest of this tier sees it. Nothing here loads the database's library."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypedDict
from uuid import UUID

from image_api.generation.options import MAX_PICTURES

JobStatus = Literal["pending", "processing", "completed", "failed", "canceled"]
FINAL: frozenset[JobStatus] = frozenset({"completed", "failed", "canceled"})
"""The statuses that a job keeps."""

OF_A_KEY = "key-"
"""How the owner of an API key's jobs begins: with AUTH=none, too, no other client may use them by their ids."""

Json = Mapping[str, Any]


class JobPayer(TypedDict):
    """Whose budget the pictures of a job count on; None in its place if they count on none."""

    account: str
    budget: int
    """Micro-dollars a day."""


@dataclass(frozen=True)
class NewJob:
    """What a client submits."""

    owner: str
    """The client's id, after OF_A_KEY that of an API key, or `LOCAL` for the machine itself."""
    request: Json
    """The options as JSON, without an image."""
    base_url: str
    """By which the client reached this service: what a webhook's addresses begin with."""
    image: bytes | None = None
    """The image to begin with."""
    webhook_url: str | None = None
    idempotency_key: str | None = None
    payer: "JobPayer | None" = None
    digest: str = ""
    """Of the whole request, to tell a repetition from another request with the same key."""


@dataclass(frozen=True)
class Job:
    """A job as its row has it. Times are seconds since the epoch, by the database's clock."""

    id: UUID
    owner: str
    status: JobStatus
    request: Json
    created_at: float
    base_url: str = ""
    has_image: bool = False
    webhook_url: str | None = None
    attempts: int = 0
    """How many have begun."""
    interruptions: int = 0
    """How many of them ended with the process that ran them."""
    is_repeated: bool = False
    """Of a job that was claimed: whether an attempt before it may have reached a render worker."""
    started_at: float | None = None
    """When the latest attempt began."""
    completed_at: float | None = None
    """When it became final."""
    not_before: float = 0
    """Before when it is not tried again."""
    progress: Json | None = None
    """The contract's Progress, some seconds old at most."""
    images: list[Json] = field(default_factory=list)
    """What was made: each a GenerateResult with its `index`."""
    failed: list[Json] = field(default_factory=list)
    """Those of several pictures that were not made: each an ErrorBody with its `index` and `status`."""
    error: Json | None = None
    """The ErrorBody, with its HTTP status, of the last attempt that failed."""
    payer: "JobPayer | None" = None

    @property
    def client(self) -> str:
        """Return the client on whose share of this service and its workers it counts, with its other requests."""
        return self.owner.removeprefix(OF_A_KEY)

    @property
    def is_final(self) -> bool:
        """Return whether its status is one that it keeps."""
        return self.status in FINAL

    @property
    def pictures(self) -> int:
        """Return how many pictures were asked for."""
        count = self.request.get("n")
        return count if type(count) is int and 1 < count <= MAX_PICTURES else 1

    @property
    def missing(self) -> list[int]:
        """Return which pictures are neither made nor given up, by their places from 0 on."""
        over = {it["index"] for it in (*self.images, *self.failed)}
        return [index for index in range(self.pictures) if index not in over]


@dataclass(frozen=True)
class Outcome:
    """What an attempt came to, if it ends the job."""

    status: JobStatus
    images: list[Json] = field(default_factory=list)
    failed: list[Json] = field(default_factory=list)
    error: Json | None = None


@dataclass(frozen=True)
class Queue:
    """The jobs that have not begun."""

    pending: int
    oldest: float | None
    """When the oldest of them was created."""


@dataclass(frozen=True)
class Selection:
    """Which jobs a page lists: those of an owner that match, before the last one of the page before."""

    owner: str
    limit: int
    before: UUID | None = None
    status: JobStatus | None = None
    since: float | None = None
    until: float | None = None
