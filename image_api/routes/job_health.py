"""/health below API_V1_PREFIX: what jobs need, and which of it is down."""

from flask import Blueprint, Response

from image_api.web.api import JSON, Answer, describe
from image_api.web.jobs.health import health_response
from image_api.web.schemas.job_health import JobsHealth

routes = Blueprint("job_health", __name__)


@routes.get("/health")
@describe(
    {
        200: Answer("Jobs are accepted; `degraded` if something that they need is down.", {JSON: JobsHealth}),
        503: Answer("No job can be accepted: their database is down.", {JSON: JobsHealth}),
    }
)
def health() -> Response:
    """Return the state of the jobs' database, of the render workers and of the queue. No worker is woken."""
    return health_response()
