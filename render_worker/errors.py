"""Every way in which the render worker can fail, each with its stable code, its HTTP status and its sentence.

WorkerError
├── InvalidParameter            400 invalid_parameter
├── Unauthorized                401 unauthorized
├── WorkerBusy                  503 worker_busy
├── DeadlinePassed              504 timeout
├── Stopping                    503 worker_unavailable
├── Superseded                  409 superseded
├── TooSlow                     503 too_slow
├── StorageNotConfigured        500 storage_not_configured
├── PictureDeleted              410 picture_deleted
└── Failure
    ├── StorageFailed           502 storage_failed
    │   └── StorageResting      502 storage_resting
    └── EngineError             502 engine_failed
        ├── EngineFault         500 internal_error
        ├── EngineNotConfigured 500 engine_not_configured
        ├── EngineResting       503 engine_resting
        ├── EngineUnreachable   502 engine_unreachable
        ├── EngineUnauthorized  502 engine_unauthorized
        ├── EngineBusy          503 engine_busy
        ├── UnexpectedReply     502 engine_unexpected_reply
        ├── PhaseTimeout        504 timeout
        ├── RequestInvalid      502 engine_request_refused
        ├── ContentRefused      422 content_refused
        ├── BadPicture          502 picture_empty, _broken, _unreadable, _wrong_size, _too_large, _missing
        └── Wall
            ├── EngineRateLimited 503 engine_rate_limited
            └── QuotaExhausted  503 engine_quota_exhausted

What only Perchance does is in engines/perchance/errors.py.
"""

from typing import ClassVar, Literal

from render_worker.contract import ErrorBody, PassedOver

USUAL_WAIT_SECONDS = 15  # about a picture's time, where no picture has been measured yet


class WorkerError(Exception):
    """A failure that the caller is told of. The message is one plain sentence, fit for a stranger."""

    code: str = "internal_error"
    status: ClassVar[int] = 500
    hint: ClassVar[str | None] = None
    retry_after: int | None = None
    """Seconds after which asking again can help; None where it cannot, or where nobody knows."""
    fallback_from: list[PassedOver] | None = None
    """The engines that were asked before the one that failed so, or could not be asked."""

    def body(self, request_id: str | None = None) -> ErrorBody:
        """The failure as it travels."""
        return ErrorBody(
            error=str(self),
            code=self.code,
            hint=self.hint,
            retry_after=self.retry_after,
            fallback_from=self.fallback_from,
            request_id=request_id,
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
    """There is no place for the request."""

    code = "worker_busy"
    status = 503
    hint = "Ask again a little later."

    def __init__(self, sentence: str, retry_after: int | None = None) -> None:
        super().__init__(sentence)
        self.retry_after = retry_after or USUAL_WAIT_SECONDS


class QueueFull(WorkerBusy):
    """The request did not even get into the queue, or gave its place in it to another."""


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


class TooSlow(WorkerError):
    """No engine is expected to make the picture within the time that the caller would wait."""

    code = "too_slow"
    status = 503
    hint = "Ask with a larger within, or without."

    def __init__(self, sentence: str, expected_seconds: int) -> None:
        super().__init__(sentence)
        self.expected_seconds = expected_seconds

    def body(self, request_id: str | None = None) -> ErrorBody:
        return super().body(request_id).model_copy(update={"expected_seconds": self.expected_seconds})


class StorageNotConfigured(WorkerError):
    """STORAGE names a storage whose own settings are missing."""

    code = "storage_not_configured"
    hint = "Set it in the render worker's environment, or leave STORAGE unset to keep pictures locally."


class PictureDeleted(WorkerError):
    """The operator deleted the picture; it is not to be made again for whoever has its address."""

    code = "picture_deleted"
    status = 410


class UpstreamError(WorkerError):
    """A failure of an engine or a storage, which its circuit breaker counts."""

    by_request: bool = False
    """Whether the request brought it on, and not the state of what failed: it counts for nothing then."""
    trips: bool = False
    """Whether it opens the breaker at once."""
    service_blocked: bool = False
    """Whether the service itself said that asking again is in vain, as long as `retry_after`."""

    def __init__(self, sentence: str, retry_after: int | None = None) -> None:
        super().__init__(sentence)
        if retry_after is not None:
            self.retry_after = retry_after


class StorageFailed(UpstreamError):
    """No storage keeps the picture, or one of them does not."""

    code = "storage_failed"
    status = 502


class StorageCircuitOpen(StorageFailed):
    """A storage failed a moment ago and is left alone for a while."""

    code = "storage_resting"


class EngineError(UpstreamError):
    """The engine failed by its own fault."""

    code = "engine_failed"
    status = 502
    elsewhere: ClassVar[bool] = False
    """Whether another way to the same engine may do better: this one is out of date or unavailable."""
    final: ClassVar[bool] = False
    """Whether no other engine is to be asked."""


class EngineFault(EngineError):
    """The engine failed by a fault of this program; its log has the details."""

    code = "internal_error"
    status = 500


class EngineNotConfigured(EngineError):
    """The engine's own settings or packages are missing."""

    code = "engine_not_configured"
    status = 500
    hint = "Set it up in the render worker's environment, or take the engine out of ENGINES."


class EngineCircuitOpen(EngineError):
    """The engine failed again and again and is left alone for a while."""

    code = "engine_resting"
    status = 503


class EngineUnreachable(EngineError):
    """The engine's host cannot be reached."""

    code = "engine_unreachable"
    retry_after = 60
    elsewhere = True


class EngineUnauthorized(EngineError):
    """The engine's service does not accept this worker's key."""

    code = "engine_unauthorized"
    hint = "The operator looks at the engine's key in the render worker's environment."


class EngineBusy(EngineError):
    """Nobody at the engine's service can take the request at the moment."""

    code = "engine_busy"
    status = 503
    retry_after = 60
    hint = "Ask again a little later."


class UnexpectedReply(EngineError):
    """The engine's service answered something that nobody here knows."""

    code = "engine_unexpected_reply"
    hint = "The service may have changed; look for a newer version of this one."
    elsewhere = True


class RequestInvalid(EngineError):
    """The engine's service does not accept the request's words; another one may."""

    code = "engine_request_refused"
    hint = "Change the prompt or the other parameters."
    by_request = True


class ContentRefused(EngineError):
    """The engine's service does not make such pictures; another one is not asked behind its back."""

    code = "content_refused"
    status = 422
    hint = "Change the prompt."
    by_request = True
    final = True


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


class ServiceBlocked(EngineError):
    """The service turns this worker away for a while; asking again sooner is in vain, or makes it worse."""

    status = 503
    trips = service_blocked = True


class EngineRateLimited(ServiceBlocked):
    """The service has had enough requests from this worker for now."""

    code = "engine_rate_limited"
    hint = "Asking again sooner is in vain."


class QuotaExhausted(ServiceBlocked):
    """The account at the service has nothing left to pay with."""

    code = "engine_quota_exhausted"
    hint = "The operator looks at the account at the engine's service."
