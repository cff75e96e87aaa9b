"""The webhooks in /openapi.json: the request that this service sends when a job has ended."""

from image_api.jobs.webhooks.message import JobWebhook
from image_api.web.api import JSON
from image_api.web.openapi.schemas import Schema, reference

HEADERS = {
    "webhook-id": "The same in all attempts: by it a receiver knows what it had already.",
    "webhook-timestamp": "When the attempt was made, in seconds since 1970.",
    "webhook-signature": "`v1,` and a signature of id, timestamp and body in base64 (Standard Webhooks); several, with"
    " spaces between them, if there are several secrets.",
}
DESCRIPTION = """\
A job with a `webhook_url` sends this to it when it has ended, if the service has a `WEBHOOK_SECRET`. What is not
answered with 2xx within 15 seconds is sent again, for a day, so that it may come more than once. No redirect is
followed."""
ANSWERS = {
    "2XX": "Delivered. The body is not read.",
    "410": "The receiver wants none: it is not sent again.",
    "default": "It is sent again, after `Retry-After` if that is later.",
}


def webhooks() -> Schema:
    """Return the document's `webhooks`."""
    parameters = [
        {"name": name, "in": "header", "required": True, "description": text, "schema": {"type": "string"}}
        for name, text in HEADERS.items()
    ]
    sent = {
        "operationId": "webhook_job",
        "tags": ["jobs"],
        "summary": "A job has ended.",
        "description": DESCRIPTION,
        "parameters": parameters,
        "requestBody": {"required": True, "content": {JSON: {"schema": reference(JobWebhook)}}},
        "responses": {status: {"description": text} for status, text in ANSWERS.items()},
    }
    return {"job": {"post": sent}}
