"""A generation as server-sent events, and the replay of a stream from its Last-Event-ID on.

event: progress    how far the generation is; contract.Progress
event: result      the picture at last, as the JSON response has it; or
event: failure     why there is none (a browser calls its own connection errors `error`)
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import chain
from urllib.parse import unquote

from flask import Response, g, request, stream_with_context

from image_api.admission import Waiter
from image_api.errors import ApiError
from image_api.generation.options import GenerationOptions
from image_api.generation.progress_stream import END, GenerationResponse, GenerationStream, StreamEvent
from image_api.services import services
from image_api.web.client_connection import waiter
from image_api.web.current import current_request
from image_api.web.error_responses import log_failure
from image_api.web.picture_json import streamed, with_picture
from image_api.web.responses import base_url, json_text, with_absolute_url
from image_api.web.speculative_requests import is_for_preview
from render_worker.contract import ErrorBody, Progress

EVENT_STREAM = "text/event-stream"
JSON = "application/json"
RETRY = b"retry: 3000\n\n"  # milliseconds
EMBEDS = "b64_json:"
"""Before the event ids of a stream whose result has the picture itself: a client resumes it with the id alone."""
PREVIEWS = "previews:"
"""Next in those of a stream that has previews."""
MARKED = re.compile(f"((?:{EMBEDS})?(?:{PREVIEWS})?)(.*)", re.DOTALL)
AGAIN = "again:"
"""Before the event ids of a stream that is resumed by the same request: what was made comes from the cache."""
# Where a polyfill cannot send the header: Yaffle's lastEventId, Mercure's lastEventID, amvtek's evs_last_event_id, and
# the header's own name.
EVENT_ID_PARAMETER = re.compile(rb"(?:evs_)?last[-_]?event[-_]?id(?:=(.*))?", re.IGNORECASE | re.DOTALL)
POLYFILL_PARAMETER = re.compile(rb"evs_preamble(?:=.*)?", re.DOTALL)  # amvtek's wish for 2 KB before the first event


class StreamError(ErrorBody):
    """Why there is no picture, with the HTTP status that a plain response would have."""

    status: int


def resumed_stream() -> Response | None:
    """Return the replay of what a client has missed; None if the request has no Last-Event-ID.

    A stream that has ended is not begun again: a browser that reconnects after it gets 204.
    """
    event_id = last_event_id()
    if not event_id or request.method == "HEAD" or is_for_preview():
        return None
    if event_id.startswith(AGAIN) and not event_id.endswith(f":{END}"):
        return None
    here = waiter(stream=True)
    marks, own_id = MARKED.fullmatch(event_id).groups()  # type: ignore[union-attr]  # it matches any text
    events = services().generation.resume(own_id, here, previews=PREVIEWS in marks)
    return Response(status=204) if events is None else _stream_response(events, here, marks)


def wants_events() -> bool:
    """Return whether the client prefers server-sent events to JSON."""
    request = current_request()
    if EVENT_STREAM not in request.environ.get("HTTP_ACCEPT", "").lower():
        return False  # nearly always; parsing the whole header takes a tenth of a cached response's time
    return request.accept_mimetypes.best_match((JSON, EVENT_STREAM)) == EVENT_STREAM


def query_without_event_id() -> bytes:
    """Return the query's parameters, but of an event stream without those that polyfills of EventSource add."""
    query: bytes = current_request().query_string
    if not wants_events():
        return query
    own = (EVENT_ID_PARAMETER, POLYFILL_PARAMETER)
    return b"&".join(part for part in query.split(b"&") if not any(it.fullmatch(part) for it in own))


def last_event_id() -> str:
    """Return the id of the last event that the client has; of an event stream also from the query."""
    request = current_request()
    header: str = request.environ.get("HTTP_LAST_EVENT_ID", "")
    if header:
        return header
    if not (request.query_string and wants_events()):
        return ""
    ids = [found[1] for part in request.query_string.split(b"&") if (found := EVENT_ID_PARAMETER.fullmatch(part))]
    return unquote((ids[-1] or b"").decode("ascii", "replace")) if ids else ""


def new_stream(options: GenerationOptions) -> Response:
    """Return the events of a generation. An error before the first event is a plain error response."""
    base_url()  # first, so that a bad Host header costs no generation
    here = waiter(stream=True)
    events = services().generation.follow(options, g.request_id, here)
    marks = (EMBEDS if options.embeds_picture else "") + (PREVIEWS if options.previews else "")
    return _stream_response(events, here, marks)


def _stream_response(events: GenerationStream, here: Waiter, marks: str) -> Response:
    release = partial(services().generation.admission.release, here)
    try:
        first = next(events)
    except BaseException:  # also if the greenlet is killed: a slot that is not released is lost
        release()
        raise
    return stream_response(chain([RETRY], _event_texts(first, events, marks)), events.close, release)


def stream_response(texts: Iterator[bytes], *on_close: Callable[[], None]) -> Response:
    """Return a response with events as they come. `on_close` is called at its end, also if it was never begun."""
    response = Response(stream_with_context(texts), mimetype=EVENT_STREAM)
    # Not in the generator, which does not run at all if the client is gone before the first event is sent.
    for function in on_close:
        response.call_on_close(function)
    response.headers["X-Accel-Buffering"] = "no"  # nginx would keep the events until they fill a page
    return response


def _event_texts(first: StreamEvent, rest: GenerationStream, marks: str) -> Iterator[bytes]:
    """Yield the texts of events, with the marks of the stream before their ids."""
    try:
        for event in chain((first,), rest):
            marked = replace(event, event_id=event.event_id and marks + event.event_id)
            yield from _embedding_event(marked) if EMBEDS in marks else [_event_text(marked).encode()]
    except ApiError as error:
        yield failure_text(error, g.request_id)


def failure_text(error: ApiError, name: str) -> bytes:
    """Return the last event of the stream `name` if there is no picture, and log the error."""
    body = StreamError(**log_failure(error).model_dump(), status=error.status)
    return f"event: failure\nid: {name}:{END}\ndata: {json_text(body, request_id=g.request_id)}\n\n".encode()


def _embedding_event(event: StreamEvent) -> Iterator[bytes]:
    """Yield the text of an event, in pieces if it is the result's. Raises as open_picture does, or streamed."""
    if isinstance(event.content, GenerationResponse):
        result, picture = with_picture(event.content)
        yield from streamed(_event_text(replace(event, content=replace(event.content, result=result))), picture)
    else:
        yield _event_text(event).encode()


def _event_text(event: StreamEvent) -> str:
    if isinstance(event.content, Progress):
        return f"event: progress\nid: {event.event_id}\ndata: {json_text(event.content)}\n\n"
    if isinstance(event.content, GenerationResponse):
        return f"event: result\nid: {event.event_id}\ndata: {json_text(with_absolute_url(event.content.result))}\n\n"
    return f": heartbeat\nid: {event.event_id}\n\n" if event.event_id else ": heartbeat\n\n"
