"""A generation as it goes on: as server-sent events on /generate, as messages on the WebSocket.

event: progress    how far it is; contract.Progress
event: result      at last the picture, as the plain answer has it; or
event: failure     why there is none. (A browser calls its own troubles `error`.)
"""

import contextlib
import itertools
import time
from collections.abc import Generator, Iterator
from functools import partial
from typing import Any

from flask import Blueprint, Response, g, request, stream_with_context
from simple_websocket import ConnectionClosed
from wsproto.frame_protocol import CloseReason

from image_api.admission import EVICTED, Waiter
from image_api.errors import ApiError, InvalidParameter, WebSocketOnly
from image_api.generation.options import GenerationOptions
from image_api.generation.progress_stream import GenerationResponse, Stream, StreamEvent
from image_api.services import services
from image_api.web.client_connection import waiter
from image_api.web.cors import may_ask
from image_api.web.responses import absolute, base_address, json_text, note_failure
from image_api.web.websocket import WebSocket
from render_worker.contract import (
    ErrorBody,
    ErrorLine,
    GenerateResult,
    InvalidField,
    Progress,
    ResultLine,
)

EVENT_STREAM = "text/event-stream"
RETRY_MILLISECONDS = 3000
IDLE_SECONDS = 30.0
LOOK_SECONDS = 1.0
MAX_REASON = 100  # of 123 bytes that a close frame has for it
SOCKET = "/stream/generate/txt2img"

routes = Blueprint("streams", __name__)


class Failure(ErrorBody):
    """Why there is no picture, with the HTTP status that a plain answer would have."""

    status: int


def wants_events() -> bool:
    """Whether the caller asks for a stream."""
    if EVENT_STREAM not in request.headers.get("Accept", "").lower():
        return False  # nearly everybody; the whole look at the header takes a tenth of a cached answer's time
    return request.accept_mimetypes.best_match(("application/json", EVENT_STREAM)) == EVENT_STREAM


def resumed() -> Response | None:
    """The rest of a stream that the caller lost; None where he begins one. What has ended is not begun again."""
    mark = request.headers.get("Last-Event-ID", "")
    if not mark:
        return None
    here = waiter(stream=True)
    news = services().generation.resume(mark, here)
    return Response(status=204) if news is None else _as_events(news, here)


def followed(wanted: GenerationOptions) -> Response:
    """A stream from its beginning. What fails before there is any news is answered as it would be without a stream."""
    base_address()  # first, so that a bad Host header costs no generation
    here = waiter(stream=True)
    news = services().generation.follow(wanted, g.request_id, here)
    return _as_events(news, here)


def _as_events(news: Stream, here: Waiter) -> Response:
    release = partial(services().generation.admission.release, here)
    try:
        first = next(news)
    except BaseException:  # also at this greenlet's end: a slot that is not given back is lost
        release()
        raise
    answer = Response(stream_with_context(_events(first, news)), mimetype=EVENT_STREAM)
    # Not in the generator, which does not run at all if the client is gone before the first event is sent.
    answer.call_on_close(news.close)
    answer.call_on_close(release)
    answer.headers["X-Accel-Buffering"] = "no"  # nginx would keep the events until they fill a page
    return answer


def _events(first: StreamEvent, rest: Stream) -> Iterator[str]:
    yield f"retry: {RETRY_MILLISECONDS}\n\n"
    yield _event(first)
    try:
        for news in rest:
            yield _event(news)
    except ApiError as error:
        told = Failure(**note_failure(error).model_dump(), status=error.status)
        yield f"event: failure\nid: {g.request_id}:end\ndata: {json_text(told, request_id=g.request_id)}\n\n"


def _event(news: StreamEvent) -> str:
    if isinstance(news.content, Progress):
        return f"event: progress\nid: {news.event_id}\ndata: {json_text(news.content)}\n\n"
    if isinstance(news.content, GenerationResponse):
        return f"event: result\nid: {news.event_id}\ndata: {json_text(_shown(news.content.result))}\n\n"
    return f": heartbeat\nid: {news.event_id}\n\n" if news.event_id else ": heartbeat\n\n"


def _shown(result: GenerateResult) -> GenerateResult:
    return result.model_copy(update={"image_url": absolute(result.image_url, base_address())})


@routes.route(SOCKET, websocket=True)
def txt2img() -> Response:
    """Each message is a request as the body of POST /generate; its news come back as messages, one after the other."""
    base_address()
    here = waiter(stream=True)
    services().generation.admission.admit(here)  # first, so that what is refused is so by an HTTP status
    try:
        socket = WebSocket(request.environ)
        with contextlib.suppress(ConnectionClosed, OSError):  # OSError: it broke off, or reads nothing for long
            if may_ask(request.headers.get("Origin")):
                socket.close(*_converse(socket, here))
            else:
                socket.close(CloseReason.POLICY_VIOLATION, "CORS_ORIGINS does not name this page's origin.")
    finally:
        services().generation.admission.release(here)
    return _Over()


@routes.get(SOCKET)
def no_socket() -> Response:
    """Whoever asks for it as for a page."""
    raise WebSocketOnly("This address is a WebSocket; GET /generate is there for a plain request.")


class _Over(Response):
    """In place of an answer, when the connection was a WebSocket and is closed."""

    def __call__(self, *_: object) -> Any:
        raise StopIteration  # gunicorn's sign that the connection ends here


def _converse(socket: WebSocket, here: Waiter) -> tuple[CloseReason, str | None]:
    """Answer messages until none comes; return why that is."""
    connection = g.request_id
    here.gone = lambda: not socket.connected
    for number in itertools.count(1):
        message = _received(socket, here)
        if message is None:
            break
        g.request_id = f"{connection}-{number}"
        with contextlib.closing(_messages(message, here)) as messages:
            for text in messages:
                socket.send(text)
    if services().generation.ending:
        return CloseReason.GOING_AWAY, None
    if here.evicted:
        return CloseReason.TRY_AGAIN_LATER, EVICTED[:MAX_REASON]
    return CloseReason.NORMAL_CLOSURE, f"No message came for {IDLE_SECONDS:g} seconds."


def _received(socket: WebSocket, here: Waiter) -> str | bytes | None:
    """The next message; None if none comes for long, this service is being stopped, or the slot is needed."""
    end = time.monotonic() + IDLE_SECONDS
    while time.monotonic() < end and not services().generation.ending and not here.evicted:
        if (message := socket.receive(LOOK_SECONDS)) is not None:
            return message
    return None


def _messages(message: str | bytes, here: Waiter) -> Generator[str]:
    try:
        wanted = _wanted(message.encode() if isinstance(message, str) else message)
        following = services().generation.follow(wanted, g.request_id, here)
        with contextlib.closing(following) as stream:
            for news in stream:
                if isinstance(news.content, Progress):
                    yield json_text(news.content)
                elif isinstance(news.content, GenerationResponse):
                    yield json_text(ResultLine(result=_shown(news.content.result)))
    except InvalidField as error:
        yield _message(InvalidParameter(str(error)))
    except ApiError as error:
        yield _message(error)


def _wanted(message: bytes) -> GenerationOptions:
    wanted = GenerationOptions.parse_json(message)
    if wanted.format:
        raise InvalidField("format cannot be given here; every answer is a message.")
    return wanted


def _message(error: ApiError) -> str:
    simulated = True if services().settings.simulated else None
    body = note_failure(error).model_copy(update={"request_id": g.request_id, "simulated": simulated})
    return json_text(ErrorLine(status=error.status, error=body))
