"""A delivery: one webhook to one receiver, and its attempts. Nothing here loads the database's library."""

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

DeliveryStatus = Literal["pending", "delivered", "failed"]


@dataclass(frozen=True)
class DeliveryAttempt:
    """One request to the receiver."""

    at: float
    """When it was sent, in seconds since the epoch."""
    seconds: float
    """How long it took."""
    status_code: int | None = None
    """The status of the response, None if there was none."""
    reason: str | None = None
    """Why it did not deliver, in a sentence that has nothing of the response; None if it did."""


@dataclass(frozen=True)
class Delivery:
    """A delivery as its row has it. Times are seconds since the epoch, by the database's clock."""

    id: UUID
    job_id: UUID
    type: str
    host: str
    status: DeliveryStatus
    attempts: tuple[DeliveryAttempt, ...]
    created_at: float
    completed_at: float | None
    next_attempt_at: float | None
    """When it is tried again; None if it never is, or is being sent."""

    @property
    def message_id(self) -> str:
        """Return what the receiver knows the webhook by: the same in all attempts."""
        return f"msg_{self.id.hex}"
