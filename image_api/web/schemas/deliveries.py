"""The deliveries of a job's webhook, as JSON."""

from datetime import UTC, datetime
from typing import Self

from image_api.jobs.delivery import Delivery, DeliveryAttempt, DeliveryStatus
from image_api.web.schemas.response_model import ResponseModel


class AttemptView(ResponseModel):
    """One request to the receiver."""

    at: str
    """When it was sent (UTC)."""
    seconds: float
    """How long it took."""
    status_code: int | None = None
    """The status of the response, if there was one."""
    reason: str | None = None
    """Why it did not deliver. Nothing of the response is kept."""

    @classmethod
    def of(cls, attempt: DeliveryAttempt) -> Self:
        """Return an attempt as its client sees it."""
        return cls(at=_iso(attempt.at), seconds=attempt.seconds, status_code=attempt.status_code, reason=attempt.reason)


class DeliveryView(ResponseModel):
    """A webhook to the job's `webhook_url`."""

    id: str
    """The webhook's `webhook-id`, the same in all attempts."""
    type: str
    """`job.completed`, `job.failed` or `job.canceled`."""
    host: str
    """The host of `webhook_url`; the rest of it is not shown."""
    status: DeliveryStatus
    """`pending`, `delivered`, or `failed`: given up."""
    attempts: list[AttemptView]
    """The first one first."""
    created_at: str
    """When the job ended (UTC)."""
    completed_at: str | None = None
    """When it was delivered, or given up."""
    next_attempt_at: str | None = None
    """When it is tried again; left out while it is being sent."""

    @classmethod
    def of(cls, delivery: Delivery) -> Self:
        """Return a delivery as its client sees it."""
        return cls(
            id=delivery.message_id,
            type=delivery.type,
            host=delivery.host,
            status=delivery.status,
            attempts=[AttemptView.of(attempt) for attempt in delivery.attempts],
            created_at=_iso(delivery.created_at),
            completed_at=_moment(delivery.completed_at),
            next_attempt_at=_moment(delivery.next_attempt_at),
        )


class Deliveries(ResponseModel):
    """The deliveries of a job: none before it has ended, or without a `webhook_url`."""

    deliveries: list[DeliveryView]
    simulated: bool | None = None


def _moment(seconds: float | None) -> str | None:
    return None if seconds is None else _iso(seconds)


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
