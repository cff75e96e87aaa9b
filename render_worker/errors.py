"""Every way in which the render worker can fail, each with its stable code, its HTTP status and its sentence.

WorkerError
├── InvalidParameter            400 invalid_parameter
├── Unauthorized                401 unauthorized
├── WorkerBusy                  503 worker_busy
├── DeadlinePassed              504 timeout
├── Stopping                    503 worker_unavailable
├── Superseded                  409 superseded
├── StorageNotConfigured        500 storage_not_configured
├── StorageFailed               502 storage_failed
└── EngineError                 502 engine_failed
    ├── EngineUnreachable       502 engine_unreachable
    ├── PhaseTimeout            504 timeout
    ├── BadPicture              502 picture_empty, _broken, _unreadable, _wrong_size, _too_large, _missing
    ├── VerificationRequired    503 perchance_verification_required
    ├── RateLimited             503 perchance_rate_limited
    ├── GenerationFailed        502 perchance_generation_failed
    ├── StaleRequest            502 perchance_stale_request
    ├── RequestRefused          502 perchance_request_refused
    ├── SiteBusy                503 perchance_busy
    ├── ClientOutdated          502 perchance_client_outdated
    ├── AccessCodeRequired      502 perchance_access_code_required
    └── UnexpectedReply         502 perchance_unexpected_reply
"""

from typing import ClassVar, Literal

from render_worker.contract import ErrorBody

USUAL_WAIT_SECONDS = 15  # about a picture's time, where no picture has been measured yet


class WorkerError(Exception):
    """A failure that the caller is told of. The message is one plain sentence, fit for a stranger."""

    code: str = "internal_error"
    status: ClassVar[int] = 500
    hint: ClassVar[str | None] = None
    retry_after: int | None = None
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
    hint = "Ask again a little later."

    def __init__(self, sentence: str, retry_after: int | None = None) -> None:
        super().__init__(sentence)
        self.retry_after = retry_after or USUAL_WAIT_SECONDS


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


class Superseded(WorkerError):
    """The same request arrived again: its sender has given this one up."""

    code = "superseded"
    status = 409


class StorageNotConfigured(WorkerError):
    """STORAGE names a storage whose own settings are missing."""

    code = "storage_not_configured"
    hint = "Set it in the render worker's environment, or leave STORAGE unset to keep pictures locally."


class StorageFailed(WorkerError):
    """The picture was made but could not be kept."""

    code = "storage_failed"
    status = 502


class EngineError(WorkerError):
    """The engine failed by its own fault."""

    code = "engine_failed"
    status = 502
    elsewhere: ClassVar[bool] = False
    """Whether another way to the same engine may do better: this one is out of date or unavailable."""


class EngineUnreachable(EngineError):
    """The engine's host cannot be reached."""

    code = "engine_unreachable"
    retry_after = 60
    elsewhere = True


class PhaseTimeout(EngineError):
    """One phase of the engine's work took longer than its named limit."""

    code = "timeout"
    status = 504
    hint = "Ask again; the engine may be slow at the moment."
    elsewhere = True


class BadPicture(EngineError):
    """The engine's picture is none that could be kept."""

    hint = "Ask again; another try may bring a whole picture."

    def __init__(
        self, problem: Literal["empty", "broken", "unreadable", "wrong_size", "too_large", "missing"], sentence: str
    ) -> None:
        super().__init__(sentence)
        self.code = f"picture_{problem}"


class Wall(EngineError):
    """The site turns this address away for a while; asking again makes it worse."""

    status = 503
    sentence: ClassVar[str]

    def __init__(self, retry_after: int | None = None) -> None:
        super().__init__(self.sentence)
        self.retry_after = retry_after


class VerificationRequired(Wall):
    """Perchance wants to see a human; this server is none and does not pretend."""

    code = "perchance_verification_required"
    sentence = "Perchance asked for a human check, which this server cannot and does not try to pass."
    hint = "Asking again soon makes it worse. Use another engine, for example model=sketch, or another host's address."


class RateLimited(Wall):
    """Perchance has had enough requests from this address for now."""

    code = "perchance_rate_limited"
    sentence = "Perchance limits how often this server's address may ask."
    hint = "Asking again sooner makes it worse."


class GenerationFailed(EngineError):
    """Perchance tried and could not make the picture."""

    code = "perchance_generation_failed"
    hint = "Ask again, perhaps with another prompt."


class StaleRequest(EngineError):
    """Perchance takes the request for an old one."""

    code = "perchance_stale_request"
    hint = "Ask again."


class RequestRefused(EngineError):
    """Perchance does not accept the request's contents."""

    code = "perchance_request_refused"
    hint = "Change the prompt or the other parameters."


class SiteBusy(EngineError):
    """Perchance's own machines are busy or out of its reach."""

    code = "perchance_busy"
    status = 503
    retry_after = 60
    hint = "Ask again a little later."


class ClientOutdated(EngineError):
    """Perchance wants a newer client than the protocol that is spoken here."""

    code = "perchance_client_outdated"
    hint = "Look for a newer version of this service."
    elsewhere = True


class AccessCodeRequired(EngineError):
    """Perchance wants the code that its own page gets by showing advertisements."""

    code = "perchance_access_code_required"
    hint = "Look for a newer version of this service."
    elsewhere = True


class UnexpectedReply(EngineError):
    """Perchance answered something that nobody here knows."""

    code = "perchance_unexpected_reply"
    hint = "The site may have changed; look for a newer version of this service."
    elsewhere = True
