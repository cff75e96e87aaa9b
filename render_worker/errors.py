"""Every error of the render worker, with its stable code, its HTTP status and its sentence.

WorkerError
├── InvalidParameter            400 invalid_parameter
│   └── ImageInvalid            400 invalid_parameter
├── Unauthorized                401 unauthorized
├── WorkerBusy                  503 worker_busy
│   └── QueueFull               503 worker_busy
├── DeadlinePassed              504 timeout
├── Stopping                    503 worker_unavailable
├── Superseded                  409 superseded
├── PictureDeleted              410 picture_deleted
└── UpstreamError
    └── EngineError             502 engine_failed
        ├── EngineFault         500 internal_error
        ├── EngineNotConfigured 500 engine_not_configured
        ├── EngineCircuitOpen   503 engine_resting
        ├── EngineUnreachable   502 engine_unreachable
        │   └── NotConnected    502 engine_unreachable
        ├── EngineUnauthorized  502 engine_unauthorized
        ├── EngineBusy          503 engine_busy
        ├── UnexpectedReply     502 engine_unexpected_reply
        ├── PhaseTimeout        504 timeout
        ├── RequestInvalid      502 engine_request_refused
        ├── ContentRefused      422 content_refused
        ├── BadPicture          502 picture_empty, _broken, _unreadable, _wrong_size, _too_large, _missing
        └── ServiceBlocked      503
            ├── EngineRateLimited 503 engine_rate_limited
            └── QuotaExhausted  503 engine_quota_exhausted

Errors of Perchance alone are in engines/perchance/errors.py, those of free quotas in engines/free_quota.py, those of
storages in storages/errors.py, those of budgets in budgets/errors.py, those of the selection and of content in
generation/errors.py, and 409 cancelled in cancellation.py.
"""

from typing import ClassVar, Literal

from render_worker.contract import ErrorBody, PassedOver

OWN_FAULT = "The render worker failed by its own fault."
USUAL_WAIT_SECONDS = 15  # about a picture's latency, until one has been measured


class WorkerError(Exception):
    """An error that is reported to the client. Its message is one plain sentence without internals."""

    code: str = "internal_error"
    status: ClassVar[int] = 500
    hint: ClassVar[str | None] = None
    retry_after: int | None = None
    """Seconds after which a retry can help; None if it cannot, or if that is unknown."""
    fallback_from: list[PassedOver] | None = None
    """The candidates before the one that raised this, and why each was passed over."""
    forbids_fallback: ClassVar[bool] = False
    """Whether there is no fallback to another engine."""
    cost: float | None = None
    """What the request's attempts may have been billed at most, in US dollars; None if that is not known."""
    unbilled: bool = False
    """Whether it is certain that no service bills the attempt: it refused it at once, or never got it."""

    def body(self, request_id: str | None = None) -> ErrorBody:
        """Return the error as the response's body."""
        return ErrorBody(
            error=str(self),
            code=self.code,
            hint=self.hint,
            retry_after=self.retry_after,
            cost=self.cost or None,
            fallback_from=self.fallback_from,
            request_id=request_id,
        )


class InvalidParameter(WorkerError):
    """Raised if a parameter is invalid; the sentence names it."""

    code = "invalid_parameter"
    status = 400
    unbilled = True


class ImageInvalid(InvalidParameter):
    """Raised if the image to begin with cannot be read, whichever engine is asked."""

    forbids_fallback = True


class Unauthorized(WorkerError):
    """Raised if the bearer token is missing or wrong."""

    code = "unauthorized"
    status = 401
    hint = "Send the worker's WORKER_TOKEN as 'Authorization: Bearer …'."


class WorkerBusy(WorkerError):
    """Raised by admission control when there is no slot for the request."""

    code = "worker_busy"
    status = 503
    hint = "Ask again a little later."

    def __init__(self, sentence: str, retry_after: int | None = None) -> None:
        super().__init__(sentence)
        self.retry_after = retry_after or USUAL_WAIT_SECONDS


class QueueFull(WorkerBusy):
    """Raised if the queue is full, or the request was evicted from it in favour of another."""


class DeadlinePassed(WorkerError):
    """Raised if the request's deadline has passed; its work was cancelled."""

    code = "timeout"
    status = 504
    hint = "Ask again; the engine may be slow at the moment."


class Stopping(WorkerError):
    """Raised if the worker shuts down and cancels what is still in flight after the drain."""

    code = "worker_unavailable"
    status = 503
    retry_after = 30


class Superseded(WorkerError):
    """Raised if an idempotent retry of the request took its place."""

    code = "superseded"
    status = 409


class PictureDeleted(WorkerError):
    """Raised if the operator deleted the picture (it has a tombstone): it is not made again."""

    code = "picture_deleted"
    status = 410


class UpstreamError(WorkerError):
    """An error of an engine or a storage, counted by its circuit breaker."""

    caused_by_request: bool = False
    """Whether the request caused it, and not the upstream's state: the breaker does not count it then."""
    trips_breaker: bool = False
    """Whether it trips the breaker at once."""
    service_blocked: bool = False
    """Whether the service itself said that retries are in vain for `retry_after` seconds."""

    def __init__(self, sentence: str, retry_after: int | None = None) -> None:
        super().__init__(sentence)
        if retry_after is not None:
            self.retry_after = retry_after


class EngineError(UpstreamError):
    """Raised if an engine fails by its own fault."""

    code = "engine_failed"
    status = 502
    try_next_route: ClassVar[bool] = False
    """Whether the engine's next route may succeed, because this one is out of date or unavailable."""


class EngineFault(EngineError):
    """Raised if an engine fails by a bug of this program; the log has its traceback."""

    code = "internal_error"
    status = 500


class EngineNotConfigured(EngineError):
    """Raised if an engine's settings or packages are missing."""

    code = "engine_not_configured"
    status = 500
    unbilled = True
    hint = "Set it up in the render worker's environment, or take the engine out of ENGINES."


class EngineCircuitOpen(EngineError):
    """Raised if an engine's circuit breaker is open."""

    code = "engine_resting"
    status = 503
    unbilled = True


class EngineUnreachable(EngineError):
    """Raised if the engine's host cannot be reached."""

    code = "engine_unreachable"
    retry_after = 60
    try_next_route = True


class NotConnected(EngineUnreachable):
    """Raised if there was no connection, so that the service cannot have got the request."""

    unbilled = True


class EngineUnauthorized(EngineError):
    """Raised if the engine's service does not accept this worker's key."""

    code = "engine_unauthorized"
    unbilled = True
    hint = "The operator looks at the engine's key in the render worker's environment."


class EngineBusy(EngineError):
    """Raised if the engine's service has no capacity at the moment."""

    code = "engine_busy"
    status = 503
    retry_after = 60
    hint = "Ask again a little later."


class UnexpectedReply(EngineError):
    """Raised if the engine's service replies with something unknown here."""

    code = "engine_unexpected_reply"
    hint = "The service may have changed; look for a newer version of this one."
    try_next_route = True


class RequestInvalid(EngineError):
    """Raised if the engine's service rejects the parameters; a fallback may accept them."""

    code = "engine_request_refused"
    hint = "Change the prompt or the other parameters."
    caused_by_request = unbilled = True


class ContentRefused(EngineError):
    """Raised if the engine's service refuses the content; there is no fallback around its rules."""

    code = "content_refused"
    status = 422
    hint = "Change the prompt."
    caused_by_request = True
    forbids_fallback = True


class PhaseTimeout(EngineError):
    """Raised if one phase of the engine's work exceeds its timeout."""

    code = "timeout"
    status = 504
    hint = "Ask again; the engine may be slow at the moment."
    try_next_route = True


class BadPicture(EngineError):
    """Raised if the engine's picture cannot be kept."""

    hint = "Ask again; another try may bring a whole picture."

    def __init__(
        self, problem: Literal["empty", "broken", "unreadable", "wrong_size", "too_large", "missing"], sentence: str
    ) -> None:
        super().__init__(sentence)
        self.code = f"picture_{problem}"


class ServiceBlocked(EngineError):
    """Raised if the service turns this worker away for a while: an earlier retry is in vain, or makes it worse."""

    status = 503
    trips_breaker = service_blocked = unbilled = True


class EngineRateLimited(ServiceBlocked):
    """Raised if the service limits this worker's rate of requests."""

    code = "engine_rate_limited"
    hint = "Asking again sooner is in vain."


class QuotaExhausted(ServiceBlocked):
    """Raised if the account at the service has no quota or credit left."""

    code = "engine_quota_exhausted"
    hint = "The operator looks at the account at the engine's service."
