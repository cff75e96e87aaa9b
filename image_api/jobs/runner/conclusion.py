"""What the attempts at a job come to: its end, or another attempt at the pictures that it lacks."""

from collections.abc import Mapping
from dataclasses import dataclass

from image_api.errors import ApiError
from image_api.jobs.job import Job, Json, Outcome
from image_api.jobs.runner.retries import RetryPolicy, can_help


@dataclass(frozen=True)
class Retry:
    """Another attempt."""

    seconds: float
    """Before when it does not begin."""
    error: Json
    """Why the last one failed."""
    images: list[Json]
    """What was made so far."""
    failed: list[Json]
    """Those of several pictures that another attempt does not help."""


def judge(job: Job, images: list[Json], errors: Mapping[int, ApiError], policy: RetryPolicy) -> Outcome | Retry:
    """Return what an attempt comes to that has made these images, with those before, and failed with these errors."""
    failures = job.attempts - job.interruptions
    hopeful = {index: error for index, error in errors.items() if can_help(error)}
    if not hopeful or failures > policy.max_retries:
        return conclude(job, images, errors)
    lost = {index: error for index, error in errors.items() if index not in hopeful}
    seconds = policy.pause(failures, hopeful.values())
    return Retry(seconds, as_json(hopeful[min(hopeful)]), images, _failed(job, lost))


def conclude(job: Job, images: list[Json], errors: Mapping[int, ApiError]) -> Outcome:
    """Return a job's end: it is completed if any picture was made."""
    failed = _failed(job, errors)
    if images:
        return Outcome("completed", images, failed)
    first = errors[min(errors)] if errors else None
    error = as_json(first) if first else {name: it for name, it in failed[0].items() if name != "index"}
    return Outcome("failed", [], failed if job.pictures > 1 else [], error)


def as_json(error: ApiError) -> Json:
    """Return an error as it is kept: its body, with its HTTP status."""
    body = error.body().model_dump(mode="json", exclude={"success", "request_id"}, exclude_none=True)
    return {**body, "status": error.status}


def _failed(job: Job, errors: Mapping[int, ApiError]) -> list[Json]:
    new = [{**as_json(error), "index": index} for index, error in errors.items()]
    return sorted([*job.failed, *new], key=lambda it: int(it["index"]))
