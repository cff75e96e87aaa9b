"""Every way in which the API tier can fail, each with its stable code, its HTTP status and its sentence.

ApiError
├── InvalidParameter     400 invalid_parameter
├── ModelNotFound        404 model_not_found
├── MisdirectedRequest   421 misdirected_request
├── SpeculativeRequest   503 speculative_request
├── WorkerNotConfigured  503 worker_not_configured
├── WorkerUnavailable    503 worker_unavailable
├── TooMany              503 service_busy
├── TooManyStreams       429 too_many_streams
├── StreamLost           410 stream_lost
├── WebSocketOnly        426 websocket_only
│   └── WebSocketVersionUnknown
├── BadHandshake         400 bad_handshake
├── Stopping             503 service_stopping
├── DeadlinePassed       504 timeout
├── PictureUnavailable   502 picture_unavailable
├── PictureDeleted       410 picture_deleted
└── Relayed              whatever the render worker said, with its own code and status
"""

from collections.abc import Mapping
from typing import ClassVar

from render_worker.contract import ErrorBody, ErrorLine, PassedOver


class ApiError(Exception):
    """A failure that the caller is told of. The message is one plain sentence, fit for a stranger."""

    code: ClassVar[str] = "internal_error"
    status: int = 500
    hint: ClassVar[str | None] = None
    retry_after: ClassVar[int | None] = None
    """Seconds after which asking again can help; None where it cannot, or where nobody knows."""
    headers: ClassVar[Mapping[str, str]] = {}
    """What HTTP wants to be said with it."""

    def body(self) -> ErrorBody:
        """The failure as the caller sees it."""
        return ErrorBody(error=str(self), code=self.code, hint=self.hint, retry_after=self.retry_after)

    def line(self) -> ErrorLine:
        """The same with its status, for where no HTTP status can tell it. It is nobody's request yet."""
        return ErrorLine(status=self.status, error=self.body().model_copy(update={"request_id": None}))


class InvalidParameter(ApiError):
    """A parameter that cannot be taken, named in the sentence."""

    code = "invalid_parameter"
    status = 400


class ModelNotFound(ApiError):
    """A model's name that nobody answers to, where the caller's dialect has an error of its own for that."""

    code = "model_not_found"
    status = 404
    hint = "GET /v1/models lists the names."


class MisdirectedRequest(ApiError):
    """A Host that ALLOWED_HOSTS does not name."""

    code = "misdirected_request"
    status = 421
    hint = "Ask by another name, or add this one to ALLOWED_HOSTS."


class SpeculativeRequest(ApiError):
    """A prefetch or prerender: nobody has asked for the picture yet."""

    code = "speculative_request"
    status = 503
    hint = "Ask for the address itself and the picture is made."


class WorkerNotConfigured(ApiError):
    """PERCHANCE_WORKER_URL is not set."""

    code = "worker_not_configured"
    status = 503
    hint = "Set PERCHANCE_WORKER_URL to the render worker's address."


class WorkerUnavailable(ApiError):
    """The render worker does not answer, or not as one."""

    code = "worker_unavailable"
    status = 503
    retry_after = 30


class ServiceBusy(ApiError):
    """No slot is left for this client, or it gave its own up to another one."""

    code = "service_busy"
    status = 503
    retry_after = 15


class TooManyStreams(ApiError):
    """One client holds as many event streams and WebSockets as it may."""

    code = "too_many_streams"
    status = 429
    hint = "Close some of them first."
    retry_after = 5


class StreamLost(ApiError):
    """A stream that cannot be resumed: it ended long ago, or the process that had it died."""

    code = "stream_lost"
    status = 410
    hint = "Ask again without Last-Event-ID and the picture is made."


class WebSocketOnly(ApiError):
    """A plain request for an address that only speaks by WebSocket."""

    code = "websocket_only"
    status = 426
    headers: ClassVar[Mapping[str, str]] = {"Upgrade": "websocket"}


class WebSocketVersionUnknown(WebSocketOnly):
    """A WebSocket handshake for another version of the protocol, or for none."""

    headers: ClassVar[Mapping[str, str]] = {"Upgrade": "websocket", "Sec-WebSocket-Version": "13"}


class BadHandshake(ApiError):
    """A WebSocket handshake that is none."""

    code = "bad_handshake"
    status = 400


class Stopping(ApiError):
    """This service is being stopped and waits for nothing any longer."""

    code = "service_stopping"
    status = 503
    retry_after = 30


class DeadlinePassed(ApiError):
    """The request's time is over."""

    code = "timeout"
    status = 504
    hint = "Ask again; the engine may be slow at the moment."

    def __init__(self, sentence: str, fallback_from: list[PassedOver] | None = None) -> None:
        """`fallback_from`: the engines besides the one that had the last of the time."""
        super().__init__(sentence)
        self._fallback_from = fallback_from

    def body(self) -> ErrorBody:
        return super().body().model_copy(update={"fallback_from": self._fallback_from})


class PictureUnavailable(ApiError):
    """A picture was made and kept, but its bytes cannot be had from where it lies."""

    code = "picture_unavailable"
    status = 502
    hint = "Ask for the picture's address instead of its bytes."

    def __init__(self, sentence: str, *, gone: bool = False) -> None:
        super().__init__(sentence)
        self.gone = gone
        """Whether its host says that it has it no longer."""


class PictureDeleted(ApiError):
    """A picture that the operator deleted; it is not made again for whoever has its address."""

    code = "picture_deleted"
    status = 410

    def __init__(self) -> None:
        super().__init__("This picture was deleted by the operator.")


class Relayed(ApiError):
    """A failure of the render worker, passed on as it is."""

    def __init__(self, body: ErrorBody, status: int) -> None:
        super().__init__(body.error)
        self._body = body
        self.status = status

    def body(self) -> ErrorBody:
        return self._body
