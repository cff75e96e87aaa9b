"""The deliveries of jobs' webhooks, below API_V1_PREFIX."""

from flask import Blueprint, Response

from image_api.jobs.errors import JobNotFound
from image_api.services import services
from image_api.web.api import describe
from image_api.web.api_answers import JOB_ERRORS
from image_api.web.jobs.owner import own_job
from image_api.web.responses import json_response
from image_api.web.schemas.deliveries import Deliveries, DeliveryView

routes = Blueprint("deliveries", __name__)


@routes.get("/jobs/<job_id>/deliveries")
@describe(Deliveries, errors=(JobNotFound, *JOB_ERRORS))
def deliveries(job_id: str) -> Response:
    """Return the deliveries of a job's webhook: each attempt, and when the next one is."""
    found = services().jobs.deliveries(own_job(job_id).id)
    return json_response(Deliveries(deliveries=[DeliveryView.of(delivery) for delivery in found]))
