"""A job as JSON: what clients and webhooks see of it."""

import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Self

from pydantic import BaseModel

from image_api.generation.results import absolute_url
from image_api.jobs.job import Job, JobStatus, Json
from image_api.public_errors import public_error
from render_worker.contract import ErrorBody, GenerateResult, PassedOver, Progress


class JobProgress(Progress):
    """Progress of one of the job's pictures."""

    index: int | None = None


class JobImage(GenerateResult):
    """One of the job's pictures."""

    index: int


class JobFailure(ErrorBody):
    """Why one of the job's pictures was not made."""

    index: int
    status: int


class JobLinks(BaseModel, defer_build=True):
    """Addresses of the job."""

    status: str
    """What this is."""
    events: str
    """The same as an event stream."""
    cancel: str
    """DELETE cancels the job."""
    deliveries: str | None = None
    """The deliveries of its webhook, if it has one."""


class JobView(BaseModel, defer_build=True):
    """A job. What is not known, or does not apply, is left out."""

    job_id: str
    """A UUID, which no client can guess."""
    status: JobStatus
    """`pending`, `processing`, or at last `completed` (a picture was made), `failed` or `canceled`."""
    prompt: str
    """As it was sent."""
    n: int
    """How many pictures are made."""
    attempts: int
    """How many have begun."""
    created_at: str
    """When it was accepted (UTC)."""
    started_at: str | None = None
    """When the latest attempt began."""
    completed_at: str | None = None
    """When it became final."""
    retry_at: str | None = None
    """Before when it is not tried again, after an attempt that failed."""
    position: int | None = None
    """The place in the queue while it is pending; 1 is the next."""
    expected_seconds: int | None = None
    """Seconds until it is completed, by the latency of recent pictures."""
    progress: JobProgress | None = None
    """How far the picture is that is being made."""
    images: list[JobImage]
    """The pictures that were made, each as `/generate` returns it, and with its `index`."""
    failed: list[JobFailure] | None = None
    """Why others were not made."""
    error: str | None = None
    """Why it failed, as one sentence."""
    code: str | None = None
    """The same for programs."""
    hint: str | None = None
    """What may help."""
    retry_after: int | None = None
    """Seconds after its end, from which on another job can succeed."""
    fallback_from: list[PassedOver] | None = None
    """Engines that were passed over before it failed, and why."""
    links: JobLinks
    """Addresses: `status`, `events` as an event stream, `cancel` by DELETE, and its webhook's `deliveries`."""
    simulated: bool | None = None

    @classmethod
    def of(
        cls,
        job: Job,
        base: str,
        prefix: str,
        *,
        position: int | None = None,
        expected_seconds: int | None = None,
        visible: Callable[[ErrorBody], ErrorBody] = public_error,
    ) -> Self:
        """Return a job for a client that reaches this service at `base`, the jobs' routes below `prefix` there.

        `visible` returns an error as that client may see it.
        """
        return cls(
            job_id=str(job.id),
            status=job.status,
            prompt=job.request.get("prompt", ""),
            n=job.pictures,
            attempts=job.attempts,
            created_at=_iso(job.created_at),
            started_at=_moment(job.started_at),
            completed_at=_moment(job.completed_at),
            retry_at=_moment(job.not_before or None) if job.status == "pending" else None,
            position=position,
            expected_seconds=expected_seconds,
            progress=_progress(job),
            images=[_image(it, base) for it in job.images],
            failed=[_failure(it, visible) for it in job.failed] or None,
            links=_links(job, base + prefix),
            **_error(job, visible),
        )


def _iso(seconds: float) -> str:
    """Return seconds since the epoch as ISO 8601, the millisecond being that of a job's id."""
    return datetime.fromtimestamp(math.floor(seconds * 1000) / 1000, UTC).isoformat(timespec="milliseconds")


def _moment(seconds: float | None) -> str | None:
    return None if seconds is None else _iso(seconds)


def _progress(job: Job) -> JobProgress | None:
    return JobProgress.model_validate(job.progress) if job.progress and job.status == "processing" else None


def _image(made: Json, base: str) -> JobImage:
    image = JobImage.model_validate(made)
    return image.model_copy(update={"image_url": absolute_url(image.image_url, base)})


def _failure(failed: Json, visible: Callable[[ErrorBody], ErrorBody]) -> JobFailure:
    return JobFailure(**{**failed, **visible(ErrorBody.model_validate(failed)).model_dump()})


def _error(job: Job, visible: Callable[[ErrorBody], ErrorBody]) -> dict[str, object]:
    """Return the fields of the error of a job that failed; one that is tried again has none."""
    if job.status != "failed" or not job.error:
        return {}
    body = visible(ErrorBody.model_validate(job.error))
    return body.model_dump(include={"error", "code", "hint", "retry_after", "fallback_from"})


def _links(job: Job, api: str) -> JobLinks:
    own = f"{api}/jobs/{job.id}"
    return JobLinks(
        status=f"{api}/status/{job.id}",
        events=f"{own}/events",
        cancel=own,
        deliveries=f"{own}/deliveries" if job.webhook_url else None,
    )
