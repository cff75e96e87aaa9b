"""A job as the response to a request about it."""

from flask import Response

from image_api.jobs.job import Job
from image_api.jobs.job_json import JobView
from image_api.services import services
from image_api.web.disclosure import visible_error
from image_api.web.responses import base_url, json_response, set_retry_after

MIN_POLL_SECONDS, MAX_POLL_SECONDS = 2, 30
PLACES_A_SECOND = 10  # of a long queue: a client far behind need not ask often


def job_body(job: Job, position: int | None = None) -> JobView:
    """Return a job as this client sees it. It asks no database."""
    return JobView.of(
        job,
        base_url(),
        services().settings.api_v1_prefix,
        position=position,
        expected_seconds=None if job.is_final else services().jobs.expected_seconds(job, position),
        visible=visible_error,
    )


def job_response(job: Job, position: int | None = None, status: int = 200) -> Response:
    """Return a job as JSON; until it is final with the seconds after which to ask again."""
    response = json_response(job_body(job, position), status)
    set_retry_after(response, _poll_seconds(job, position))
    return response


def status_response(job: Job) -> Response:
    """Return a job with its position."""
    return job_response(job, services().jobs.position(job))


def _poll_seconds(job: Job, position: int | None) -> int | None:
    if job.is_final:
        return None
    return min(MAX_POLL_SECONDS, max(MIN_POLL_SECONDS, (position or 0) // PLACES_A_SECOND))
