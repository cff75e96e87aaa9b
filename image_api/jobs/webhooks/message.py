"""A webhook as Standard Webhooks (standardwebhooks.com) has it: the body, and the headers that sign it."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING

from pydantic import BaseModel

from image_api.jobs.delivery import Delivery
from image_api.jobs.job import Job
from image_api.jobs.job_json import JobView

if TYPE_CHECKING:
    from standardwebhooks.webhooks import Webhook


class JobWebhook(BaseModel):
    """What a webhook says: a job has ended."""

    type: str
    """`job.completed`, `job.failed` or `job.canceled`."""
    timestamp: str
    """When it ended (UTC)."""
    data: JobView
    """The job, as its status is shown."""


def body_of(delivery: Delivery, job: Job, *, api_prefix: str, simulated: bool) -> str:
    """Return the JSON of a webhook, with the job as a client without the worker's token sees it.

    It is the same in all attempts, since a job that has ended does not change. It is marked if the outside world is
    simulated, as responses are.
    """
    at = datetime.fromtimestamp(delivery.created_at, UTC).isoformat(timespec="milliseconds")
    view = JobView.of(job, job.base_url, api_prefix).model_copy(update={"simulated": simulated or None})
    webhook = JobWebhook(type=delivery.type, timestamp=at.replace("+00:00", "Z"), data=view)
    return json.dumps(webhook.model_dump(mode="json", exclude_none=True), separators=(",", ":"))


class Signer:
    """Signs webhooks with each of the secrets, so that receivers can change from one to another."""

    def __init__(self, secrets: Sequence[str]) -> None:
        self._secrets = secrets

    def headers(self, message_id: str, body: str, seconds: float) -> dict[str, str]:
        """Return the headers of an attempt that is made `seconds` after the epoch."""
        at = datetime.fromtimestamp(int(seconds), UTC)
        return {
            "webhook-id": message_id,
            "webhook-timestamp": str(int(seconds)),
            "webhook-signature": " ".join(each.sign(message_id, at, body) for each in self._signers),
        }

    @cached_property
    def _signers(self) -> list["Webhook"]:
        from standardwebhooks.webhooks import Webhook

        return [Webhook(secret) for secret in self._secrets]
