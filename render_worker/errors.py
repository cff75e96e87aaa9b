"""Every way in which the render worker can fail, each with its stable code, its HTTP status and its sentence.

WorkerError
├── InvalidParameter       400 invalid_parameter
├── Unauthorized           401 unauthorized
├── WorkerBusy             503 worker_busy
├── DeadlinePassed         504 timeout
├── Stopping               503 worker_unavailable
├── StorageFailed          502 storage_failed
└── EngineError            502 engine_failed
    ├── EngineUnreachable  502 engine_unreachable
    ├── PhaseTimeout       504 timeout
    ├── VerificationRequired  503 perchance_verification_required
    ├── RateLimited        503 perchance_rate_limited
    └── UnexpectedReply    502 perchance_unexpected_reply
"""

from typing import ClassVar

from render_worker.contract import ErrorBody


class WorkerError(Exception):
    """A failure that the caller is told of. The message is one plain sentence, fit for a stranger."""

    code: ClassVar[str] = "internal_error"
    status: ClassVar[int] = 500
    hint: ClassVar[str | None] = None
    retry_after: ClassVar[int | None] = None
    """Seconds after which asking again can help; None where it cannot, or where nobody knows."""

    def body(self, request_id: str | None = None) -> ErrorBody:
        """The failure as it travels."""
        return ErrorBody(
            error=str(self), code=self.code, hint=self.hint, retry_after=self.retry_after, request_id=request_id
        )


class InvalidParameter(WorkerError):
    """A field that cannot be taken, named in the sentence."""

    code = "invalid_parameter"
    status = 400


class Unauthorized(WorkerError):
    """The bearer token is missing or wrong."""

    code = "unauthorized"
    status = 401
    hint = "Send the worker's WORKER_TOKEN as 'Authorization: Bearer …'."


class WorkerBusy(WorkerError):
    """The queue is full."""

    code = "worker_busy"
    status = 503
    retry_after = 15
    hint = "Ask again a little later."


class DeadlinePassed(WorkerError):
    """The request's own time is over; its work was cancelled."""

    code = "timeout"
    status = 504
    hint = "Ask again; the engine may be slow at the moment."


class Stopping(WorkerError):
    """The worker is being stopped and gave up its running work."""

    code = "worker_unavailable"
    status = 503
    retry_after = 30


class StorageFailed(WorkerError):
    """The picture was made but could not be kept."""

    code = "storage_failed"
    status = 502


class EngineError(WorkerError):
    """The engine failed by its own fault."""

    code = "engine_failed"
    status = 502


class EngineUnreachable(EngineError):
    """The engine's host cannot be reached."""

    code = "engine_unreachable"
    retry_after = 60


class PhaseTimeout(EngineError):
    """One phase of the engine's work took longer than its named limit."""

    code = "timeout"
    status = 504
    hint = "Ask again; the engine may be slow at the moment."


class VerificationRequired(EngineError):
    """Perchance wants to see a human; this server is none and does not pretend."""

    code = "perchance_verification_required"
    status = 503
    hint = "Asking again soon makes it worse. Use another engine, for example model=sketch, or another host's address."

    def __init__(self) -> None:
        super().__init__("Perchance asked for a human check, which this server cannot and does not try to pass.")


class RateLimited(EngineError):
    """Perchance has had enough requests from this address for now."""

    code = "perchance_rate_limited"
    status = 503
    retry_after = 300  # the site publishes no figure; users report minutes to an hour
    hint = "Asking again sooner makes it worse."

    def __init__(self) -> None:
        super().__init__("Perchance limits how often this server's address may ask.")


class UnexpectedReply(EngineError):
    """Perchance answered something that nobody here knows."""

    code = "perchance_unexpected_reply"
    hint = "The site may have changed; look for a newer version of this service."
