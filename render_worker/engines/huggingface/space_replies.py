"""What a Space's replies mean: its errors, which are texts without a code, and the place of its picture.

The quota's sentences are those that users of ZeroGPU quoted from August to October 2026, the protocol is gradio's
(`gradio/routes.py`, gradio_client 2.7.2).
"""

import json
import logging
import re
from collections.abc import Iterator

import httpx

from render_worker.engines.free_quota import FreeQuotaExhausted
from render_worker.engines.huggingface.replies import (
    DEFAULT_RETRY_AFTER_SECONDS,
    MAX_RETRY_AFTER_SECONDS,
    REFUSED,
    service_words,
)
from render_worker.errors import (
    ContentRefused,
    EngineBusy,
    EngineError,
    EngineNotConfigured,
    EngineRateLimited,
    EngineUnauthorized,
    QuotaExhausted,
    RequestInvalid,
    UnexpectedReply,
)
from render_worker.outbound.exchange import Reply
from render_worker.outbound.privacy import MAX_READ, repeatable
from render_worker.outbound.replies import printable, retry_after

UNKNOWN_QUOTA_SECONDS = 3600
TOO_LONG_SECONDS = 86_400  # the window of the quota; a new day changes nothing, but the operator may
QUOTA = re.compile(r"\bquotas?\b", re.IGNORECASE)
TOO_LONG = re.compile(r"larger than the maximum allowed", re.IGNORECASE)
AGAIN_IN = re.compile(r"try again in (?:([0-9]{1,3}) days?,? )?([0-9]{1,4}):([0-9]{2}):([0-9]{2})", re.IGNORECASE)
BUSY = re.compile(r"no gpu|gpu task aborted|queue is full|too (busy|many)|\bpaused\b|overloaded", re.IGNORECASE)
MAX_LOGGED = 300
MAX_NODES = 10_000

log = logging.getLogger(__name__)


def error_of_reply(reply: Reply, space: str) -> EngineError:
    """Return the error that an HTTP status other than 200 means."""
    words = service_words(reply.body)
    log.warning(
        "The Space %s responded with HTTP %d: %s",
        space,
        reply.status,
        repeatable(words, MAX_LOGGED) or "no readable message",
    )
    if reply.status == httpx.codes.TOO_MANY_REQUESTS:
        seconds = retry_after(reply.headers.get("retry-after"), MAX_RETRY_AFTER_SECONDS)
        return EngineRateLimited(
            f"The Space {space} limits how often this account may ask.", seconds or DEFAULT_RETRY_AFTER_SECONDS
        )
    return _error_of_words(words, space) or _error_of_status(reply.status, space)


def error_of_event(data: str, space: str) -> EngineError:
    """Return the error of an event `error`, whose data is an object, a text or null."""
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        found = data
    if isinstance(found, dict):
        found = next((found[name] for name in ("error", "message", "detail", "title") if found.get(name)), None)
    words = printable(found, MAX_READ)
    log.warning("The Space %s failed: %s", space, repeatable(words, MAX_LOGGED) or "without a word")
    return _error_of_words(words, space) or EngineError(f"The Space {space} failed at the picture.")


def _error_of_words(words: str, space: str) -> EngineError | None:
    """Return the error that a Space's sentence means; None if it is unknown."""
    if TOO_LONG.search(words):
        sentence = (
            f"The Space {space} takes more GPU time than ZeroGPU gives this account; set another HUGGINGFACE_SPACE."
        )
        return QuotaExhausted(sentence, TOO_LONG_SECONDS)
    if QUOTA.search(words):
        sentence = "The free GPU minutes of the account at Hugging Face are used up for now."
        return FreeQuotaExhausted(sentence, _seconds_until(words))
    if BUSY.search(words):
        return EngineBusy(f"The Space {space} has no GPU at the moment, or its queue is full.")
    if REFUSED.search(words):
        return ContentRefused(f"The Space {space} does not make such a picture.")
    return None


def _seconds_until(words: str) -> int:
    """Return the seconds that a sentence names as days, hours, minutes and seconds, within bounds."""
    found = AGAIN_IN.search(words)
    if not found:
        return UNKNOWN_QUOTA_SECONDS
    days, hours, minutes, seconds = (int(group or 0) for group in found.groups())
    total = ((days * 24 + hours) * 60 + minutes) * 60 + seconds
    return min(max(total, 1), MAX_RETRY_AFTER_SECONDS)


def _error_of_status(status: int, space: str) -> EngineError:
    if status in (401, 403):
        return EngineUnauthorized(f"The Space {space} does not accept the token.")
    if status == 404:
        return EngineNotConfigured(
            f"The Space {space} or its function is not there; look at HUGGINGFACE_SPACE and HUGGINGFACE_SPACE_API."
        )
    if status in (400, 422):
        return RequestInvalid(f"The Space {space} refused its arguments; look at HUGGINGFACE_SPACE_ARGUMENTS.")
    if status in (502, 503, 504):
        return EngineBusy(f"The Space {space} is down, starting, or its queue is full.")
    kind = EngineError if status >= httpx.codes.INTERNAL_SERVER_ERROR else UnexpectedReply
    return kind(f"The Space {space} answered HTTP {status}.")


def files_of(data: str) -> list[dict[str, object]]:
    """Return the files among a function's outputs, which have a `path` or a `url`, in their order.

    Raises UnexpectedReply if the outputs cannot be read.
    """
    try:
        outputs = json.loads(data)
    except (ValueError, RecursionError):
        raise UnexpectedReply("The Space's result is no JSON.") from None
    return [node for node in _nodes(outputs) if isinstance(node.get("url"), str) or isinstance(node.get("path"), str)]


def _nodes(outputs: object) -> Iterator[dict[str, object]]:
    """Yield the objects within the outputs, as far as there are not absurdly many."""
    waiting = [outputs]
    for _ in range(MAX_NODES):
        if not waiting:
            return
        node = waiting.pop()
        if isinstance(node, dict):
            yield node
        children = list(node.values()) if isinstance(node, dict) else node if isinstance(node, list) else []
        waiting += reversed(children[:MAX_NODES])
