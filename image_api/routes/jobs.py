"""Jobs, below API_V1_PREFIX: pictures that are made also if the client, or this service, is gone meanwhile."""

from flask import Blueprint, Response

from image_api.jobs.errors import JobNotFound, JobOver
from image_api.jobs.job_json import JobView
from image_api.services import services
from image_api.web.api import FORM, JSON, Answer, describe
from image_api.web.api_answers import ACCEPTED, JOB, JOB_ERRORS, SPECULATION, SUBMITTING, UPLOADS
from image_api.web.jobs.listing import list_response
from image_api.web.jobs.owner import own_job
from image_api.web.jobs.submission import accepted_response
from image_api.web.jobs.views import job_response, status_response
from image_api.web.schemas.jobs import JobOptions, JobPage, JobQuery
from image_api.web.sent_options import response_to_body
from image_api.web.speculative_requests import refuse_prefetch

routes = Blueprint("jobs", __name__)


@routes.post("/generate")
@describe(
    {202: ACCEPTED},
    body={JSON: JobOptions, FORM: JobOptions},
    examples={
        "a prompt alone": {"prompt": "sunset over mountains"},
        "several pictures": {"prompt": "a quiet forest", "style": "watercolor", "n": 3, "seed": 40},
    },
    request_headers=("Idempotency-Key",),
    errors=(*SUBMITTING, *UPLOADS, *JOB_ERRORS, *SPECULATION),
)
def submit() -> Response:
    """Accept a job with the parameters of POST /generate, and return it at once."""
    refuse_prefetch()
    return response_to_body(accepted_response, JobOptions)


@routes.get("/status/<job_id>")
@routes.get("/jobs/<job_id>")
@describe({200: JOB}, errors=(JobNotFound, *JOB_ERRORS))
def status(job_id: str) -> Response:
    """Return a job: its status, how far it is, its pictures, or why it failed."""
    return status_response(own_job(job_id))


@routes.get("/jobs")
@describe({200: Answer("A page of them.", {JSON: JobPage}, ("Link",))}, query=JobQuery, errors=JOB_ERRORS)
def jobs() -> Response:
    """Return the jobs of the account, or without AUTH those of this machine, the newest first."""
    return list_response()


@routes.delete("/jobs/<job_id>")
@describe(JobView, errors=(JobNotFound, JobOver, *JOB_ERRORS, *SPECULATION))
def cancel(job_id: str) -> Response:
    """Cancel a job that has not ended, and what is made for it alone, and return it."""
    refuse_prefetch()
    return job_response(services().jobs.cancel(own_job(job_id).id))
