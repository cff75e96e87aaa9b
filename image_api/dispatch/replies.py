"""How a render worker's answer is read: what is one, what comes from an edge before it, and what a failure means."""

import time
from collections.abc import Iterator
from typing import TypeVar

import requests
import urllib3
from pydantic import BaseModel, ValidationError

from image_api.dispatch.cold_start import WorkerStarting
from image_api.dispatch.validation import checked_error, number_of
from image_api.errors import ApiError, DeadlinePassed, Relayed, WorkerUnavailable
from render_worker.contract import ErrorBody

MAX_REPLY_BYTES = 1024 * 1024
CHUNK_BYTES = 64 * 1024
LONGEST_TOLD_PAUSE_SECONDS = 60
# Of a platform, the first of one that was asked too often, and of Cloudflare, whose server does not answer.
EDGE_STATUSES = {429, 502, 503, 504, *range(520, 528)}
# Render's edge says with a 404 and this header that no instance is there, also while a free one wakes up:
# https://status.render.com/incidents/k0dv2zzpthlx
RENDER_S_EDGE = "X-Render-Routing"
NO_WORKER = "The address of the render worker answered HTTP {}, but not as a render worker."

M = TypeVar("M", bound=BaseModel)


def no_worker(reply: requests.Response) -> WorkerUnavailable:
    """Return the failure of an answer that is no render worker's; Asleep if it may be one's that starts."""
    sentence = NO_WORKER.format(reply.status_code)
    return WorkerStarting(sentence, _pause_of(reply)) if _is_of_an_edge(reply) else WorkerUnavailable(sentence)


def _is_of_an_edge(reply: requests.Response) -> bool:
    """Whether it looks like what a platform says for a service that is not up, and not like somebody else's service."""
    html = reply.headers.get("Content-Type", "").lower().startswith("text/html")
    loading_page = html and reply.ok and "Location" not in reply.headers
    return loading_page or reply.status_code in EDGE_STATUSES or RENDER_S_EDGE in reply.headers


def _pause_of(reply: requests.Response) -> float:
    told = reply.headers.get("Retry-After", "")
    seconds = number_of(told, LONGEST_TOLD_PAUSE_SECONDS)
    return float(LONGEST_TOLD_PAUSE_SECONDS if seconds is None and told.isascii() and told.isdigit() else seconds or 0)


def understood(reply: requests.Response, text: bytes, path: str, model: type[M]) -> M:
    """Return a whole answer of the worker's as a model; raise the failure that it is."""
    if reply.status_code == requests.codes.not_found:
        raise WorkerUnavailable(f"The render worker knows no {path}: PERCHANCE_WORKER_URL must end with its host.")
    try:
        if reply.status_code == requests.codes.ok:
            return model.model_validate_json(text)
        error = ErrorBody.model_validate_json(text)
    except ValidationError:
        raise WorkerUnavailable(NO_WORKER.format(reply.status_code)) from None
    raise failure(error, reply.status_code)


def failure(error: ErrorBody, status: int) -> ApiError:
    """Return what the worker's failure means here."""
    try:
        error = checked_error(error, status)
    except ValueError:
        return WorkerUnavailable(NO_WORKER.format(status if status in range(600) else "with no status"))
    if error.code == WorkerUnavailable.code:
        return WorkerStarting(error.error)  # it is being stopped; a platform brings another
    return Relayed(error, status)


def read(reply: requests.Response, end: float) -> bytes:
    """Return the whole body, if it comes by some moment of the monotonic clock and is not too large."""
    return b"".join(_chunks(reply, end))


def lines(reply: requests.Response, end: float) -> Iterator[bytes]:
    """Yield the lines of a stream, each as soon as it is whole."""
    begun: list[bytes] = []
    for chunk in _chunks(reply, end):
        first, *others = chunk.split(b"\n")
        begun.append(first)
        for line in others:
            yield b"".join(begun)
            begun = [line]


def _chunks(reply: requests.Response, end: float) -> Iterator[bytes]:
    size = 0
    try:
        while chunk := reply.raw.read1(CHUNK_BYTES):
            yield chunk
            size += len(chunk)
            if size > MAX_REPLY_BYTES:
                raise WorkerUnavailable("The address of the render worker answered far more than a render worker does.")
            if time.monotonic() > end:
                raise DeadlinePassed("The render worker's answer did not arrive in time.")
    except urllib3.exceptions.ReadTimeoutError:
        raise DeadlinePassed("The render worker's answer did not arrive in time.") from None
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise WorkerStarting("The render worker's answer broke off.") from error
