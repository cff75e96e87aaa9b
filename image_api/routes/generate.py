"""/generate: a prompt in, the URL of a picture out. /models: the names that `model` accepts."""

from flask import Blueprint, Response

from image_api.generation.options import GenerationOptions
from image_api.web.api import FORM, JSON, describe
from image_api.web.api_answers import (
    ACCEPTED,
    ASYNC,
    FILE,
    INVALID_LINK,
    LED,
    LINKS,
    MADE,
    MAKING,
    OPENING,
    RESUMED_TO_END,
    SIGNED,
    SPECULATION,
    STREAM,
    STREAMING,
    SUBMITTING,
    UNCHANGED,
    UPLOADS,
    WORKER,
)
from image_api.web.content_negotiation import file_options, negotiated_response, query_options
from image_api.web.event_stream import resumed_stream
from image_api.web.jobs.submission import options_model
from image_api.web.pages.window_page import window_page
from image_api.web.responses import json_response
from image_api.web.schemas.models import Models
from image_api.web.sent_options import response_to_body
from image_api.web.speculative_requests import refuse_prefetch
from image_api.web.worker_states import models_of_workers
from render_worker.contract import IMAGE_TYPES

routes = Blueprint("generate", __name__)


@routes.get("/generate")
@describe(
    {200: MADE, 202: ACCEPTED, 204: RESUMED_TO_END, 302: LED, 304: UNCHANGED, 403: INVALID_LINK},
    query=GenerationOptions,
    without=frozenset({"image", "strength"}),
    request_headers=("Last-Event-ID", "Prefer", "Idempotency-Key", "If-None-Match"),
    errors=(*MAKING, *OPENING, *STREAMING, *SPECULATION, *SUBMITTING, *LINKS),
    more=f"{STREAM} {ASYNC} {SIGNED}",
)
def by_query() -> Response:
    """Generate a picture from the query's parameters."""
    refuse_prefetch()
    return window_page() or resumed_stream() or negotiated_response(query_options())


@routes.get("/generate.<any(png, jpg, jpeg, webp):ending>")
@describe(
    {200: FILE, 204: RESUMED_TO_END, 304: UNCHANGED, 403: INVALID_LINK},
    query=GenerationOptions,
    without=frozenset({"format", "output_format", "response_format", "image", "strength"}),
    request_headers=("Last-Event-ID", "If-None-Match"),
    errors=(*MAKING, *OPENING, *STREAMING, *SPECULATION, *LINKS, 404),
    more=SIGNED,
)
def by_file_name(ending: str) -> Response:
    """Generate a picture from the query's parameters, and return its bytes in the format that the URL names."""
    refuse_prefetch()
    mimetype = IMAGE_TYPES[ending.replace("jpeg", "jpg")]
    return resumed_stream() or negotiated_response(file_options(ending, mimetype))


@routes.post("/generate")
@describe(
    {200: MADE, 202: ACCEPTED, 204: RESUMED_TO_END, 303: LED, 304: UNCHANGED},
    body={JSON: GenerationOptions, FORM: GenerationOptions},
    examples={
        "a prompt alone": {"prompt": "sunset over mountains"},
        "a size and a seed": {"prompt": "a red boat", "size": "1024x1024", "seed": 42, "output_format": "webp"},
        "several pictures in a style": {"prompt": "a quiet forest", "style": "watercolor", "n": 3, "seed": 40},
    },
    request_headers=("Last-Event-ID", "Prefer", "Idempotency-Key"),
    errors=(*MAKING, *OPENING, *STREAMING, *UPLOADS, *SUBMITTING),
    more=f"{STREAM} {ASYNC} With that a body may have a `webhook_url`, too.",
)
def by_body() -> Response:
    """Generate a picture from the same parameters in a JSON object or a form, which may have an image to begin with."""
    return resumed_stream() or response_to_body(negotiated_response, options_model())


@routes.get("/models")
@describe(Models, errors=WORKER)
def models() -> Response:
    """Return the names that `model` accepts, read from the render worker."""
    return json_response(models_of_workers())
