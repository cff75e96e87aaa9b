"""Jobs: what can be asked for, and how they are listed."""

import re
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from image_api.generation.options import OTHER_NAMES, GenerationOptions
from image_api.jobs.job import JobStatus
from image_api.jobs.job_json import JobView
from image_api.web.schemas.response_model import ResponseModel
from render_worker.contract import Fields

MAX_URL = 2000  # characters
DEFAULT_LIMIT, MAX_LIMIT = 20, 100
END_SECOND = 253_402_300_800  # of the year 9999
BASIC_DATE = 8  # digits: 20261130
# Ten digits reach the year 2286; milliseconds are more.
SECONDS = re.compile(r"[+-]?(?![0-9]{8}\Z)[0-9]{1,10}(\.[0-9]{1,9})?", re.ASCII)
# In a query a plus sign that is not percent-encoded is a space.
LOST_PLUS = re.compile(r"(T[0-9:.,]+) (?=[0-9]{2}(:?[0-9]{2})?\Z)", re.IGNORECASE)
JOB_OTHER_NAMES = {
    **OTHER_NAMES,
    "stream": "the job's links.events is its event stream",
    **dict.fromkeys(("webhook", "callback", "callback_url", "notify_url"), "webhook_url is its name"),
    "idempotency_key": "it is a header, Idempotency-Key",
}
MOMENT = "a time in ISO 8601, like 2026-11-30T08:00:00Z (UTC without a zone), or in seconds since 1970, or left out"


def _seconds(text: str) -> float:
    """Return seconds since 1970, from 0 on. Raises ValueError if the text is no time, or after the year 9999."""
    if SECONDS.fullmatch(text):
        seconds = float(text)
    elif text.isdigit() and len(text) != BASIC_DATE:
        raise ValueError("too many seconds")  # which could be read as a date, any digit and a time
    else:
        moment = datetime.fromisoformat(LOST_PLUS.sub(r"\1+", text))
        seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    if seconds > END_SECOND:
        raise ValueError("after the year 9999")
    return max(seconds, 0.0)


def _moment(text: str) -> str:
    """Return the text. Raises ValueError if it is no time."""
    _seconds(text)
    return text


Moment = Annotated[str, AfterValidator(_moment)]


class AsyncOptions(GenerationOptions):
    """The options of a request that may become a job."""

    webhook_url: str | None = Field(
        None,
        min_length=1,
        max_length=MAX_URL,
        description="an https address of a public host, like https://client.example/hook, or left out",
    )
    """Where the end of the job is told. Only if this service has a `WEBHOOK_SECRET` to sign that with."""


class JobOptions(AsyncOptions):
    """The options of a job. Its pictures come as addresses, and its progress as events of its own."""

    other_names = JOB_OTHER_NAMES

    format: Literal["json"] | None = Field(None, description="json, or left out: a job's pictures come as addresses")
    """Without effect here."""
    response_format: Literal["url"] = Field("url", description="url, or left out: a job's pictures come as addresses")
    """Without effect here."""
    previews: Literal[False] = Field(False, description="false, or left out: event streams of /generate have previews")
    """Without effect here."""


class JobQuery(Fields):
    """Which jobs a page lists."""

    limit: int = Field(DEFAULT_LIMIT, ge=1, le=MAX_LIMIT, description=f"an integer from 1 to {MAX_LIMIT}, or left out")
    """How many at most."""
    cursor: str | None = Field(
        None, max_length=100, description="that of the `next` address of the page before, or left out"
    )
    """Where the page begins; `next` has it."""
    status: JobStatus | None = Field(
        None, description="one of pending, processing, completed, failed, canceled, or left out"
    )
    """Only jobs of this status."""
    since: Moment | None = Field(None, description=MOMENT)
    """Only jobs that were created then or later."""
    until: Moment | None = Field(None, description=MOMENT)
    """Only jobs that were created before."""

    @property
    def since_seconds(self) -> float | None:
        """Return `since` in seconds since 1970."""
        return None if self.since is None else _seconds(self.since)

    @property
    def until_seconds(self) -> float | None:
        """Return `until` in seconds since 1970."""
        return None if self.until is None else _seconds(self.until)


class JobPage(ResponseModel):
    """Jobs, the newest first."""

    jobs: list[JobView]
    """Each without its position in the queue."""
    next: str | None = None
    """The address of the next page; left out on the last one."""
    hint: str | None = None
    """Why the list is empty, if this client cannot be told apart from others."""
    simulated: bool | None = None
