"""The errors of the API tier, each with its stable code, HTTP status and sentence.

ApiError
├── InvalidParameter     400 invalid_parameter
│   ├── ModelNotEnabled
│   └── UnknownToWorker
├── Unsupported          400 unsupported
├── UploadTooLarge       413 too_large
├── ModelNotFound        404 model_not_found
├── MisdirectedRequest   421 misdirected_request
├── SpeculativeRequest   503 speculative_request
│   └── NotForPreviews
├── WorkerNotConfigured  503 worker_not_configured
├── EngineNotConfigured  503 engine_not_configured
├── WorkerUnavailable    503 worker_unavailable
├── ServiceBusy          503 service_busy
├── TooManyStreams       429 too_many_streams
├── Cancelled            409 cancelled
├── RequestOver          404 not_found
├── StreamLost           410 stream_lost
├── Stopping             503 service_stopping
├── DeadlinePassed       504 timeout
├── PictureUnavailable   502 picture_unavailable
├── PictureLostAgain     503 picture_unavailable
├── PictureGone          404 not_found
├── PictureDeleted       410 picture_deleted
├── DeletionUnsupported  409 deletion_unsupported
├── those in errors.py of jobs, limits and auth, and those of WebSockets (web/websocket_errors.py)
└── Relayed              an error of the render worker, with its own code and status
"""

from collections.abc import Mapping
from typing import ClassVar

from render_worker.contract import ENABLE_KEEPING_ENGINE, ErrorBody, ErrorLine, PassedOver

AS_PAGE_OR_JSON = {"Vary": "Accept, Sec-Fetch-Dest"}


class ApiError(Exception):
    """An error with a response of its own. The message is one plain sentence that any client may read."""

    code: ClassVar[str] = "internal_error"
    status: int = 500
    hint: ClassVar[str | None] = None
    retry_after: ClassVar[int | None] = None
    """Seconds after which a retry can succeed (the Retry-After header); None if it cannot, or if that is unknown."""
    billed: float | None = 0
    """What was tried in vain may have been billed at most, in US dollars; None if that is not known."""
    headers: ClassVar[Mapping[str, str]] = {}
    """Further headers that HTTP requires of the response."""

    def body(self) -> ErrorBody:
        """Return the error as clients see it."""
        return ErrorBody(error=str(self), code=self.code, hint=self.hint, retry_after=self.retry_after)

    def line(self) -> ErrorLine:
        """Return the error with its status, for streams, whose HTTP status is sent already; without a request id."""
        return ErrorLine(status=self.status, error=self.body().model_copy(update={"request_id": None}))


class InvalidParameter(ApiError):
    """Raised if a parameter is invalid; the sentence names it."""

    code = "invalid_parameter"
    status = 400


class ModelNotEnabled(InvalidParameter):
    """Raised if a request names a model of an engine that keeps models itself, and no render worker has one."""

    hint = ENABLE_KEEPING_ENGINE


class UnknownToWorker(InvalidParameter):
    """Raised if the render worker is of an older version, which does not know parameters that this one has."""

    def __init__(self, names: list[str]) -> None:
        super().__init__(
            f"{' and '.join(names)} cannot be honoured by the render worker, which is of an older version; leave that"
            " out for now, or ask with model=auto."
        )
        self.names = names


class Unsupported(ApiError):
    """Raised if a request is valid, but asks for what no engine can do; the sentence says what can be done instead."""

    code = "unsupported"
    status = 400


class UploadTooLarge(ApiError):
    """Raised if a request with pictures exceeds MAX_UPLOAD_MB, or a form one of its limits."""

    code = "too_large"
    status = 413


class ModelNotFound(ApiError):
    """Raised if no model has that name, for clients whose API has an error of its own for it."""

    code = "model_not_found"
    status = 404
    hint = "GET /v1/models lists the names."


class MisdirectedRequest(ApiError):
    """Raised if ALLOWED_HOSTS does not name the Host of a request (DNS rebinding)."""

    code = "misdirected_request"
    status = 421
    hint = "Ask by another name, or add this one to ALLOWED_HOSTS."


class SpeculativeRequest(ApiError):
    """Raised if a browser prefetches, or for a link-preview bot: no picture is generated on speculation."""

    code = "speculative_request"
    status = 503
    hint: ClassVar[str | None] = "Ask for the address itself and the picture is made."


class NotForPreviews(SpeculativeRequest):
    """Raised if a link-preview bot requests what is no picture's address, and what could cost something."""

    hint = None

    def __init__(self) -> None:
        super().__init__("A link-preview bot is not served here: that could wake the render worker, or make a picture.")


class WorkerNotConfigured(ApiError):
    """Raised if PERCHANCE_WORKER_URL is not set."""

    code = "worker_not_configured"
    status = 503
    hint: ClassVar[str | None] = "Set PERCHANCE_WORKER_URL to the render worker's address."


class EngineNotConfigured(ApiError):
    """Raised if a request needs an engine that keeps models itself, and no render worker has one."""

    code = "engine_not_configured"
    status = 503
    hint = ENABLE_KEEPING_ENGINE


class WorkerUnavailable(ApiError):
    """Raised if the render worker is out of reach, or its reply is not a render worker's."""

    code = "worker_unavailable"
    status = 503
    retry_after = 30
    unsent: bool = False  # whether it is certain that no engine was asked


class ServiceBusy(ApiError):
    """Raised if admission control has no slot for this client, or gave its slot to another client (backpressure)."""

    code = "service_busy"
    status = 503
    retry_after = 15


class TooManyStreams(ApiError):
    """Raised if a client has as many open event streams and WebSockets as it may."""

    code = "too_many_streams"
    status = 429
    hint = "Close some of them first."
    retry_after = 5


class Cancelled(ApiError):
    """Raised in a request that its client has cancelled."""

    code = "cancelled"
    status = 409

    def __init__(self) -> None:
        super().__init__("This request was cancelled by its client.")


class RequestOver(ApiError):
    """Raised if no request with an id can be cancelled."""

    code = "not_found"
    status = 404

    def __init__(self) -> None:
        super().__init__("No request with this id is being worked on here: it is not known, or it has ended.")


class StreamLost(ApiError):
    """Raised if a stream cannot be replayed: it ended long ago, or the process that had it died."""

    code = "stream_lost"
    status = 410
    hint = "Ask again without Last-Event-ID and the picture is made."


class Stopping(ApiError):
    """Raised if the grace period of the graceful shutdown is over, for requests that still wait."""

    code = "service_stopping"
    status = 503
    retry_after = 30


class DeadlinePassed(ApiError):
    """Raised if a request's deadline has passed."""

    code = "timeout"
    status = 504
    hint = "Ask again; the engine may be slow at the moment."

    def __init__(self, sentence: str, fallback_from: list[PassedOver] | None = None) -> None:
        """Add to the sentence the engines that were passed over before the last attempt."""
        super().__init__(sentence)
        self._fallback_from = fallback_from

    def body(self) -> ErrorBody:
        return super().body().model_copy(update={"fallback_from": self._fallback_from})


class PictureUnavailable(ApiError):
    """Raised if the bytes of a stored picture cannot be read from its host."""

    code = "picture_unavailable"
    status = 502
    hint = "Ask for the picture's address instead of its bytes."

    def __init__(self, sentence: str, *, gone: bool = False) -> None:
        super().__init__(sentence)
        self.gone = gone
        """Whether its host replied that the picture no longer exists."""


class PictureLostAgain(ApiError):
    """Raised if a picture's file is lost again soon after it was made again, which happens once a minute at most."""

    code = "picture_unavailable"
    status = 503
    retry_after = 60

    def __init__(self) -> None:
        super().__init__("This picture's file was lost again soon after the picture was made again.")


class PictureGone(ApiError):
    """Raised if there is no file at a picture's address, and no recipe to make it again by."""

    code = "not_found"
    status = 404
    hint = "With its prompt, and its seed if it had one, GET /generate makes it anew."
    headers: ClassVar[Mapping[str, str]] = AS_PAGE_OR_JSON

    def __init__(self) -> None:
        super().__init__(
            "There is no picture at this address, or no longer: its file is not here, and this service cannot make it"
            " again."
        )


class PictureDeleted(ApiError):
    """Raised if the operator has deleted a picture (its tombstone remains); it is not generated again."""

    code = "picture_deleted"
    status = 410
    headers: ClassVar[Mapping[str, str]] = AS_PAGE_OR_JSON

    def __init__(self) -> None:
        super().__init__("This picture was deleted by the operator.")


class DeletionUnsupported(ApiError):
    """Raised if a picture is to be deleted, and what may have it deletes nothing by a picture's name."""

    code = "deletion_unsupported"
    status = 409
    hint = "python -m render_worker.delete deletes pictures where the worker runs, with its settings."


class Relayed(ApiError):
    """An error of the render worker, relayed unchanged."""

    def __init__(self, body: ErrorBody, status: int) -> None:
        super().__init__(body.error)
        self._body = body
        self.status = status

    def body(self) -> ErrorBody:
        return self._body

    def of_request(self, request_id: str) -> "Relayed":
        """Return the error as that of another request, which shares what failed."""
        own = request_id if self._body.request_id else None
        return Relayed(self._body.model_copy(update={"request_id": own}), self.status)
