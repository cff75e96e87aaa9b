"""What Pollinations' replies mean: a picture, a demand for payment, or an error of one of its servers' generations."""

import re

import httpx

from render_worker.contract import VERSION
from render_worker.errors import (
    ContentRefused,
    EngineBusy,
    EngineError,
    EngineRateLimited,
    EngineUnauthorized,
    EngineUnreachable,
    RequestInvalid,
    UnexpectedReply,
)
from render_worker.imaging import is_picture
from render_worker.outbound.exchange import Reply
from render_worker.outbound.privacy import repeatable
from render_worker.outbound.replies import printable, retry_after

REST_SECONDS = 1800  # after a demand for payment; pauses of some seconds did not help others
LIMITED_SECONDS = 60  # if a 429 does not say how long
SHUT_OUT_SECONDS = 3600
MAX_RETRY_AFTER_SECONDS = 86_400
TUNNEL_DOWN = 530  # Cloudflare's, with the text "error code: 1033"
HEADERS = {"Accept": "image/*", "User-Agent": f"image-generation-api/{VERSION}"}
PAYMENT_HEADER, PAYMENT_FIELD = "payment-required", "x402Version"  # of versions 2 and 1 of https://www.x402.org
CONTENT = re.compile(r"nsfw|content[ _-]polic|moderat|prohibit|inappropriat|disallowed|safety|unsafe|safe mode", re.I)
SHUT_OUT = re.compile(r"\b(ip|address)\b.*\b(block|ban)|\b(block|ban)(ed|ned)\b.*\b(ip|address)\b", re.IGNORECASE)
TOO_LONG = (httpx.codes.REQUEST_ENTITY_TOO_LARGE, httpx.codes.REQUEST_URI_TOO_LONG, 431)


def picture_of(reply: Reply) -> bytes:
    """Return the picture's bytes, unchecked. Raises an EngineError if the reply says that it is none."""
    named = reply.headers.get("content-type", "").lower().startswith("image/")
    if reply.status == httpx.codes.OK and (named or is_picture(reply.body)):
        return reply.body
    raise error_of(reply)


def error_of(reply: Reply) -> EngineError:
    """Return the error that a reply without a picture means."""
    words = _message(reply.document)
    if _wants_payment(reply):
        seconds = max(REST_SECONDS, _told_seconds(reply) or 0)
        return EngineRateLimited("Pollinations wants to be paid for pictures of this server's address.", seconds)
    if CONTENT.search(words) and not SHUT_OUT.search(words):
        return ContentRefused("Pollinations does not make such a picture.")
    return _error_of_status(reply, words)


def _error_of_status(reply: Reply, words: str) -> EngineError:
    if reply.status == httpx.codes.TOO_MANY_REQUESTS:
        return EngineRateLimited("Pollinations limits this server's address.", _told_seconds(reply) or LIMITED_SECONDS)
    if reply.status == httpx.codes.FORBIDDEN or SHUT_OUT.search(words):
        return EngineRateLimited("Pollinations has shut this server's address out.", SHUT_OUT_SECONDS)
    if reply.status == TUNNEL_DOWN:
        return EngineUnreachable("Pollinations' server behind its network is down.")
    repeated = repeatable(words)
    sentence = f'Pollinations answered HTTP {reply.status}: "{repeated}".' if repeated else _sentence(reply)
    if reply.status == httpx.codes.UNAUTHORIZED:
        return EngineUnauthorized(sentence)
    if reply.status in (httpx.codes.BAD_REQUEST, httpx.codes.UNPROCESSABLE_ENTITY, *TOO_LONG):
        return RequestInvalid(sentence)
    return EngineBusy(sentence) if reply.status >= httpx.codes.INTERNAL_SERVER_ERROR else UnexpectedReply(sentence)


def _sentence(reply: Reply) -> str:
    return f"Pollinations answered HTTP {reply.status} without a picture."


def _wants_payment(reply: Reply) -> bool:
    demanded = PAYMENT_HEADER in reply.headers or PAYMENT_FIELD in reply.document
    return demanded or reply.status == httpx.codes.PAYMENT_REQUIRED


def _told_seconds(reply: Reply) -> int | None:
    return retry_after(reply.headers.get("retry-after"), MAX_RETRY_AFTER_SECONDS)


def _message(document: dict[str, object]) -> str:
    """Return what an error says, as each generation of its servers writes it; unprintable characters and all."""
    error = document.get("error")
    fields = {**document, **error} if isinstance(error, dict) else document
    texts = [fields.get("code"), fields.get("message"), error]
    return ", ".join(dict.fromkeys(it for it in texts if isinstance(it, str) and printable(it)))
