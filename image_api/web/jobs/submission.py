"""The submission of a job: by a route of its own, or because a request prefers to be answered at once."""

from collections.abc import Callable

from flask import Response

from image_api.auth.account import JOBS
from image_api.generation.options import GenerationOptions
from image_api.jobs.job import Job, JobPayer, NewJob
from image_api.services import services
from image_api.web.access import current_account, require_scope
from image_api.web.jobs.idempotency import idempotency_key, request_digest
from image_api.web.jobs.owner import job_owner
from image_api.web.jobs.views import job_response
from image_api.web.paying import current_payer
from image_api.web.preferences import ASYNC, prefers_async
from image_api.web.responses import base_url
from image_api.web.schemas.jobs import AsyncOptions
from render_worker.contract import InvalidField

NOT_STORED = {"image", "webhook_url", "format", "response_format", "previews"}
"""What is no part of how the pictures of a job are made, or is stored elsewhere."""


def options_model() -> type[GenerationOptions]:
    """Return the model of the body's fields: only what may become a job has a webhook."""
    return AsyncOptions if prefers_async() else GenerationOptions


def becomes_job(options: GenerationOptions, is_json: Callable[[], bool]) -> bool:
    """Return whether the request prefers to be a job; only one whose response is JSON with addresses may be one.

    Raises InvalidField if it may not, but has a webhook.
    """
    if prefers_async() and is_json() and not options.embeds_picture:
        return True
    if isinstance(options, AsyncOptions) and options.webhook_url:
        raise InvalidField("webhook_url goes with a response of JSON with addresses alone; leave one of both out.")
    return False


def accepted_response(options: GenerationOptions) -> Response:
    """Have a job kept, and return 202, also if its idempotency key has made it before.

    Raises an ApiError if it is invalid, or cannot be kept, or if the account may not.
    """
    require_scope(JOBS)  # also if the request is one for a picture that prefers to be a job
    new = _new_job(options)
    job, created = _submitted(new, options)
    response = job_response(job, status=202)
    response.headers["Location"] = f"{new.base_url}{services().settings.api_v1_prefix}/status/{job.id}"
    if not created:
        response.headers["Idempotency-Replayed"] = "true"
    if prefers_async():
        response.headers["Preference-Applied"] = ASYNC
    return response


def _submitted(new: NewJob, options: GenerationOptions) -> tuple[Job, bool]:
    """Return the job and True once its payer is charged, or the one that was made before, at no cost, and False."""
    if before := services().jobs.made_before(new):
        return before, False
    payer = current_payer()
    charge = payer.charge_job(services().generation.new_requests(options.series())) if payer else None
    created = False
    try:
        job, created = services().jobs.submit(new, charge)
    finally:
        if charge and not created:
            charge.settle([])
    return job, created


def _new_job(options: GenerationOptions) -> NewJob:
    base, key = base_url(), idempotency_key()
    services().generation.check(options)
    webhook_url = options.webhook_url if isinstance(options, AsyncOptions) else None
    if webhook_url:
        services().jobs.webhook_urls.check(webhook_url)
    stored = options.model_dump(mode="json", exclude=NOT_STORED, exclude_unset=True, exclude_none=True)
    return NewJob(
        owner=job_owner(),
        request=stored,
        base_url=base,
        image=options.image.whole() if options.image else None,
        webhook_url=webhook_url,
        idempotency_key=key,
        payer=_payer(),
        digest=request_digest(stored, options.image, webhook_url),
    )


def _payer() -> JobPayer | None:
    """Return whose budget the pictures count on, as each is made; None if the account has none."""
    account = current_account()
    budget = account.allowance.budget if account and account.allowance else None
    return None if account is None or budget is None else {"account": account.id, "budget": budget}
