"""/jobs/<job_id>/events below API_V1_PREFIX: a job as server-sent events."""

from flask import Blueprint, Response

from image_api.errors import ServiceBusy, Stopping, TooManyStreams
from image_api.jobs.errors import JobNotFound
from image_api.web.api import describe
from image_api.web.api_answers import JOB_ERRORS, JOB_EVENTS, RESUMED_TO_END, SPECULATION
from image_api.web.jobs.owner import own_job
from image_api.web.jobs.stream import job_stream
from image_api.web.speculative_requests import refuse_prefetch

routes = Blueprint("job_events", __name__)


@routes.get("/jobs/<job_id>/events")
@describe(
    {200: JOB_EVENTS, 204: RESUMED_TO_END},
    request_headers=("Last-Event-ID",),
    errors=(JobNotFound, TooManyStreams, ServiceBusy, Stopping, *JOB_ERRORS, *SPECULATION),
)
def events(job_id: str) -> Response:
    """Return a job's states as they come, from the present one to its end, also if that takes hours."""
    refuse_prefetch()
    return job_stream(own_job(job_id).id)
