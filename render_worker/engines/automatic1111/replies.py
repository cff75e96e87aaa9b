"""What the server's replies mean: the picture, or an EngineError.

The refusals are those of the web UI's modules/api/api.py, Forge's, whose crashes are plain text, SD.Next's
modules/api/, and stable-diffusion.cpp's examples/server/routes_sdapi.cpp.
"""

import re
from dataclasses import dataclass

import httpx

from render_worker.errors import (
    EngineBusy,
    EngineError,
    EngineNotConfigured,
    EngineUnauthorized,
    RequestInvalid,
    UnexpectedReply,
)
from render_worker.outbound.exchange import Reply, picture_in_base64
from render_worker.outbound.privacy import MAX_READ, repeatable
from render_worker.outbound.replies import json_object, printable

OUT_OF_MEMORY = re.compile(r"out of memory|OutOfMemory|failed to allocate|alloc\w* failed", re.IGNORECASE)
NO_SUCH = {  # words of the reply, and the setting that it is about
    re.compile(r"\bsampler\b.*not found", re.IGNORECASE): "AUTOMATIC1111_SAMPLER",
    re.compile(r"\bscheduler\b.*not found", re.IGNORECASE): "AUTOMATIC1111_SCHEDULER",
    re.compile(r"\bmodel\b.*not found", re.IGNORECASE): "AUTOMATIC1111_MODEL",
}
MAX_SEED_THERE = 2**63 - 1
MAX_STEPS_THERE = 10_000


@dataclass(frozen=True)
class Made:
    """A picture that the server made."""

    data: bytes
    seed: int
    model: str | None
    """The checkpoint, as the server names it."""
    steps: int | None
    """As the server says it took them."""


def made(reply: Reply, seed: int) -> Made:
    """Return the picture of a reply, for which the server was given a seed. It takes a while if the picture is large.

    Raises the EngineError that a refusal means, BadPicture if there is no picture.
    """
    if not reply.is_success:
        raise error_of(reply)
    document = reply.required_document()
    images = document.get("images")
    data = picture_in_base64(images[0] if isinstance(images, list) and images else None, reply.service)
    details = _details(document.get("info"))
    return Made(data, _seed(details, seed), printable(details.get("sd_model_name")) or None, _steps(details))


def _details(info: object) -> dict[str, object]:
    """Return what the server says of the picture, which is JSON within a string; an empty object if that is none."""
    return (json_object(info) if isinstance(info, str) else info if isinstance(info, dict) else None) or {}


def _seed(details: dict[str, object], given: int) -> int:
    """Return the seed that the server says it used; the one that it was given if it says none."""
    seeds = details.get("all_seeds")
    for told in (seeds[0] if isinstance(seeds, list) and seeds else None, details.get("seed")):
        if isinstance(told, int) and not isinstance(told, bool) and 0 <= told <= MAX_SEED_THERE:
            return told
    return given


def _steps(details: dict[str, object]) -> int | None:
    told = details.get("steps")
    return told if isinstance(told, int) and not isinstance(told, bool) and 0 < told <= MAX_STEPS_THERE else None


def error_of(reply: Reply) -> EngineError:
    """Return the error that a refusal means: the server's own words come before the HTTP status."""
    words = _words(reply)
    repeated = repeatable(words)
    said = f"{reply.service} answered HTTP {reply.status}" + (f": {repeated}." if repeated else ".")
    if reply.status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        return EngineUnauthorized(
            f"{reply.service} asks for a user and password that it knows; look at AUTOMATIC1111_AUTH."
        )
    if OUT_OF_MEMORY.search(words):
        return EngineBusy(
            f"{reply.service} is out of memory{f': {repeated}' if repeated else ''}. A smaller picture may fit."
        )
    for code, setting in NO_SUCH.items():
        if code.search(words):
            return EngineNotConfigured(f"{said} Look at {setting}.")
    return _error_of_status(reply, said)


def _error_of_status(reply: Reply, said: str) -> EngineError:
    if reply.status in (httpx.codes.NOT_FOUND, httpx.codes.METHOD_NOT_ALLOWED):
        return EngineNotConfigured(
            f"{said} Start it with --api, and look at AUTOMATIC1111_URL, which ends before /sdapi."
        )
    if reply.status in (
        httpx.codes.BAD_REQUEST,
        httpx.codes.REQUEST_ENTITY_TOO_LARGE,
        httpx.codes.UNPROCESSABLE_ENTITY,
    ):
        return RequestInvalid(said)
    if reply.status in (httpx.codes.TOO_MANY_REQUESTS, httpx.codes.BAD_GATEWAY, httpx.codes.SERVICE_UNAVAILABLE):
        return EngineBusy(said)
    if reply.status == httpx.codes.GATEWAY_TIMEOUT:  # of a proxy before it
        return EngineBusy(said)
    if reply.status >= httpx.codes.INTERNAL_SERVER_ERROR:
        return EngineError(f"{said} It failed at the picture; its console says why.")
    return UnexpectedReply(said)


def _words(reply: Reply) -> str:
    """Return the reply's own words: of JSON the field that each server has for them, of plain text the beginning."""
    document = reply.document
    for name in ("errors", "detail", "message", "error"):
        words = _first_message(document.get(name))
        if isinstance(words, str) and printable(words):
            return words[:MAX_READ]
    if document or b"<" in reply.body[:100]:  # a proxy's page
        return ""
    return reply.body[:MAX_READ].decode("utf-8", "replace")


def _first_message(value: object) -> object:
    """Return the sentence of a field, which is FastAPI's list of what is wrong with the request or a sentence."""
    first = value[0] if isinstance(value, list) and value else value
    if not isinstance(first, dict):
        return first
    place = first.get("loc")
    field = place[-1] if isinstance(place, list) and place else ""
    return f"{field}: {first.get('msg')}" if field else first.get("msg")
