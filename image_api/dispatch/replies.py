"""The worker's HTTP replies: bounded reading, which of them come from an edge before it, and what its errors mean."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import TypeVar

import urllib3
from pydantic import BaseModel, ValidationError

from image_api.dispatch.cold_start import WorkerStarting
from image_api.dispatch.validation import checked_error
from image_api.errors import ApiError, DeadlinePassed, Relayed, WorkerUnavailable
from image_api.outbound.bounds import BodyTooLarge, BodyTooLate, chunks, retry_after
from image_api.outbound.reply import WorkerReply
from render_worker.contract import ErrorBody
from render_worker.serving.deadline import Deadline

MAX_REPLY_BYTES = 1024 * 1024
MAX_LINE_BYTES = 1024 * 1024
MAX_STREAM_BYTES = 512 * 1024 * 1024  # an hour, two previews a second; its deadline bounds it, and each line the memory
MAX_RETRY_AFTER_SECONDS = 60
# Of a platform, the first for a service that has too many requests, and of Cloudflare, whose server does not answer.
EDGE_STATUSES = {429, 502, 503, 504, *range(520, 528)}
# Render's edge says with a 404 and this header that no instance is there, also during a free one's cold start:
# https://status.render.com/incidents/k0dv2zzpthlx
RENDER_EDGE_HEADER = "X-Render-Routing"
NOT_A_WORKER = "The address of the render worker answered HTTP {}, but not as a render worker."
REPLY_TOO_LARGE = "The address of the render worker answered far more than a render worker does."
REPLY_LATE = "The render worker's answer did not arrive in time."
BROKEN_OFF = "The render worker's answer broke off."

M = TypeVar("M", bound=BaseModel)


def not_a_worker(reply: WorkerReply) -> WorkerUnavailable:
    """Return the error for a reply that is not a render worker's: WorkerStarting if it looks like an edge's."""
    sentence = NOT_A_WORKER.format(reply.status_code)
    if _is_from_edge(reply):
        # If the worker has the request all the same, it knows of a retry what it has been billed.
        return WorkerStarting(sentence, float(retry_after(reply, MAX_RETRY_AFTER_SECONDS)), cost=0.0)
    return WorkerUnavailable(sentence)


def _is_from_edge(reply: WorkerReply) -> bool:
    """Return whether it looks like a platform's reply for a service that is not up, not like another service's."""
    html = reply.headers.get("Content-Type", "").lower().startswith("text/html")
    loading_page = html and reply.status_code < HTTPStatus.BAD_REQUEST and "Location" not in reply.headers
    return loading_page or reply.status_code in EDGE_STATUSES or RENDER_EDGE_HEADER in reply.headers


def parse_reply(reply: WorkerReply, text: bytes, path: str, model: type[M]) -> M:
    """Return a whole reply of the worker's as a model. Raises the ApiError that the reply is."""
    if reply.status_code == HTTPStatus.NOT_FOUND:
        raise WorkerUnavailable(f"The render worker knows no {path}: PERCHANCE_WORKER_URL must end with its host.")
    try:
        if reply.status_code == HTTPStatus.OK:
            return model.model_validate_json(text)
        error = ErrorBody.model_validate_json(text)
    except ValidationError:
        raise WorkerUnavailable(NOT_A_WORKER.format(reply.status_code)) from None
    raise error_of(error, reply.status_code)


def error_of(error: ErrorBody, status: int) -> ApiError:
    """Return what an error of the worker's means in this tier."""
    try:
        error = checked_error(error, status)
    except ValueError:
        return WorkerUnavailable(NOT_A_WORKER.format(status if status in range(600) else "with no status"))
    if error.code == WorkerUnavailable.code:
        return WorkerStarting(error.error, cost=error.cost or 0.0)  # it is being stopped; a platform brings another
    return Relayed(error, status)


def read_body(reply: WorkerReply, deadline: Deadline) -> bytes:
    """Return the whole body. Raises WorkerUnavailable if it is too large, DeadlinePassed if it is late."""
    return b"".join(_chunks(reply, deadline))


def read_lines(reply: WorkerReply, deadline: Deadline) -> Iterator[bytes]:
    """Yield the lines of a stream, each as soon as it is whole. Raises as `read_body`."""
    begun: list[bytes] = []
    size = 0
    for chunk in _chunks(reply, deadline, MAX_STREAM_BYTES):
        first, *others = chunk.split(b"\n")
        begun.append(first)
        size += len(first)
        for line in others:
            yield b"".join(begun)
            begun, size = [line], len(line)
        if size > MAX_LINE_BYTES:
            raise WorkerUnavailable(REPLY_TOO_LARGE)


def _chunks(reply: WorkerReply, deadline: Deadline, max_bytes: int = MAX_REPLY_BYTES) -> Iterator[bytes]:
    try:
        yield from chunks(reply, max_bytes, deadline, lenient=True)  # it may end with the result
    except BodyTooLarge:
        raise WorkerUnavailable(REPLY_TOO_LARGE) from None
    except (BodyTooLate, urllib3.exceptions.ReadTimeoutError):
        raise DeadlinePassed(REPLY_LATE) from None
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise WorkerStarting(BROKEN_OFF) from error
