"""A session on a WebSocket: each message is a body of POST /generate, and its events come back as messages.

A message may also name parameters as POST /v1/txt2img does.
"""

import contextlib
import itertools
from collections.abc import Generator, Iterable, Iterator
from functools import partial
from typing import Any

from flask import Response, g, request
from simple_websocket import ConnectionClosed
from wsproto.frame_protocol import CloseReason

from image_api.admission import EVICTED, Waiter
from image_api.errors import ApiError, InvalidParameter
from image_api.generation.progress_stream import GenerationResponse, StreamEvent
from image_api.services import services
from image_api.web.access import check_again
from image_api.web.client_connection import waiter
from image_api.web.cors import is_allowed_origin
from image_api.web.error_responses import log_failure
from image_api.web.message_options import MessageOptions
from image_api.web.paying import current_payer, forget_payer
from image_api.web.picture_json import LineWithPicture, streamed, with_picture
from image_api.web.pictures_stream import NO_NEWS, pictures_messages
from image_api.web.request_upload import max_upload_bytes
from image_api.web.responses import json_text, with_absolute_url
from image_api.web.schemas.pictures import SessionProgress
from image_api.web.sent_options import message_options
from image_api.web.txt2img import family_error
from image_api.web.websocket import MAX_REASON, WebSocket
from render_worker.contract import ErrorLine, InvalidField, Progress, ResultLine
from render_worker.serving.deadline import Deadline

IDLE_SECONDS = 30.0
POLL_SECONDS = 1.0
FIRST = StreamEvent(content=Progress(phase="queued", message=NO_NEWS))
"""In place of a heartbeat before any progress, which has the request's id."""


class ConnectionOver(Response):
    """In place of a response, when the connection was a WebSocket and is closed."""

    def __call__(self, *_: object) -> Any:
        raise StopIteration  # gunicorn's sign that the connection ends here


def serve_session(here: Waiter) -> None:
    """Answer messages one after the other until the session ends, and close the WebSocket with the reason.

    Raises UnsupportedWebSocketVersion or BadHandshake, as WebSocket does.
    """
    socket = WebSocket(request.environ, max_upload_bytes())
    with contextlib.suppress(ConnectionClosed, OSError):  # OSError: it broke off, or reads nothing for long
        if is_allowed_origin(request.headers.get("Origin")):
            socket.close(*_answer_messages(socket, here))
        else:
            socket.close(CloseReason.POLICY_VIOLATION, "CORS_ORIGINS does not name this page's origin.")


def _answer_messages(socket: WebSocket, here: Waiter) -> tuple[CloseReason, str | None]:
    """Answer messages until none comes, and return why the session ends."""
    connection = g.request_id
    here.gone = lambda: not socket.connected
    for number in itertools.count(1):
        request_or_error = _next_request(socket, here)
        if request_or_error is None:
            break
        g.request_id = here.request_id = f"{connection}-{number}"
        with contextlib.closing(_replies(request_or_error, here)) as replies:
            for reply in replies:
                socket.send_pieces(reply)
    return _close_reason(here)


def _close_reason(here: Waiter) -> tuple[CloseReason, str | None]:
    if services().generation.ending:
        return CloseReason.GOING_AWAY, None
    if here.evicted:
        return CloseReason.TRY_AGAIN_LATER, EVICTED[:MAX_REASON]
    return CloseReason.NORMAL_CLOSURE, f"No message came for {IDLE_SECONDS:g} seconds."


def _next_request(socket: WebSocket, here: Waiter) -> MessageOptions | ApiError | None:
    """Return the options in the next message, which is not kept, or their error; None as `_next_message`."""
    upload, slots = waiter(), services().upload_slots
    socket.admit_image = partial(slots.admit, upload)
    try:
        message = _next_message(socket, here)
        text = message.encode() if isinstance(message, str) else message
        return None if text is None else message_options(text, upload)
    except InvalidField as error:
        return InvalidParameter(str(error))
    except ApiError as error:
        return error.with_traceback(None)  # whose frames have the message
    finally:
        slots.release(upload)


def _next_message(socket: WebSocket, here: Waiter) -> str | bytes | None:
    """Return the next message; None after IDLE_SECONDS, on a graceful shutdown, or if the slot is needed."""
    deadline = Deadline.after(IDLE_SECONDS)
    while not deadline.expired and not services().generation.ending and not here.evicted:
        if (message := socket.next_message(POLL_SECONDS)) is not None:
            return message
    return None


def _replies(request_or_error: MessageOptions | ApiError, here: Waiter) -> Generator[Iterable[bytes]]:
    """Yield the messages that answer one, each in pieces; then an image is released."""
    if isinstance(request_or_error, ApiError):
        yield [_error_json(request_or_error)]
        return
    try:
        check_again()
        forget_payer()
        here.payer = current_payer()
        yield from _events(request_or_error, here)
    except InvalidField as error:
        yield [_error_json(InvalidParameter(str(error)))]
    except ApiError as error:
        names = request_or_error.names
        yield [_error_json(family_error(error, request_or_error, names) if names else error)]
    finally:
        if request_or_error.image:
            request_or_error.image.release()


def _events(options: MessageOptions, here: Waiter) -> Generator[Iterable[bytes]]:
    """Yield the messages about a generation. Raises InvalidField if its options name a format."""
    if options.format:
        raise InvalidField("format cannot be given here; every answer is a message.")
    if options.n:
        with _slot_lent(here):
            yield from pictures_messages(options)
        return
    with contextlib.closing(services().generation.follow(options, g.request_id, here)) as events:
        for number, event in enumerate(events):
            yield from _event_json(event if event.content or number else FIRST, options.embeds_picture)


@contextlib.contextmanager
def _slot_lent(here: Waiter) -> Iterator[None]:
    """Release the session's slot, as each picture of a batch has its own; then admit it again, or evict it."""
    admission = services().generation.admission
    admission.release(here)
    try:
        yield
    finally:
        try:
            admission.admit(here)
        except ApiError:
            here.evict()


def _event_json(event: StreamEvent, embeds: bool) -> Generator[Iterable[bytes]]:
    """Yield the message of an event; none for a heartbeat, because the protocol has pings."""
    if isinstance(event.content, Progress):
        yield [json_text(SessionProgress(**event.content.model_dump(), request_id=g.request_id)).encode()]
    elif isinstance(event.content, GenerationResponse) and embeds:
        result, picture = with_picture(event.content)
        yield streamed(json_text(LineWithPicture(result=with_absolute_url(result))), picture)
    elif isinstance(event.content, GenerationResponse):
        yield [json_text(ResultLine(result=with_absolute_url(event.content.result))).encode()]


def _error_json(error: ApiError) -> bytes:
    simulated = True if services().settings.simulated else None
    body = log_failure(error).model_copy(update={"request_id": g.request_id, "simulated": simulated})
    return json_text(ErrorLine(status=error.status, error=body)).encode()
