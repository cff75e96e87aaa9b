"""The errors that AI Horde's replies mean: by the code `rc`, which its own refusals have, before the HTTP status."""

import re
import time
from typing import Any

import httpx

from render_worker.errors import (
    ContentRefused,
    EngineBusy,
    EngineError,
    EngineRateLimited,
    EngineUnauthorized,
    QuotaExhausted,
    RequestInvalid,
    UnexpectedReply,
)
from render_worker.outbound.exchange import Reply
from render_worker.outbound.privacy import repeatable
from render_worker.outbound.replies import printable, retry_after, whole_number

DEFAULT_RETRY_AFTER_SECONDS = 30  # if it does not say how long
KUDOS_SECONDS = 600  # how much it wants beforehand depends on how busy it is
MAX_RETRY_AFTER_SECONDS = 86_400
UNIX_TIME_DIGITS = 10
KUDOS_CODES = ("SharedKeyEmpty", "SharedKeyInsufficientKudos")
UNAVAILABLE_CODES = ("MaintenanceMode", "NoValidWorkers")
SIZE_LIMIT = re.compile(r"requests over (\d{2,5})x(\d{2,5})")
ADDRESS_LIMIT = re.compile(r"timeout for (\d{1,6}) more seconds")

Document = dict[str, Any]


class TooFast(EngineRateLimited):
    """Raised if it takes no more requests for a moment: this one was not accepted, and a retry soon may be."""

    def __init__(self, sentence: str, told: int | None) -> None:
        super().__init__(sentence, told or DEFAULT_RETRY_AFTER_SECONDS)
        self.told = told
        """Seconds to wait, as it says; None if it does not."""


class KudosWanted(QuotaExhausted):
    """Raised if it makes the picture only for kudos at the moment, and there are not enough of them."""

    hint = (
        "Ask again later: it wants none while its queue is short. "
        "The operator may set HORDE_API_KEY, of a free account, which waits less."
    )

    def __init__(self) -> None:
        super().__init__("AI Horde's queue is long: it wants more kudos beforehand than there are.", KUDOS_SECONDS)


class KudosUpfront(KudosWanted):
    """Raised if it makes a picture of that size only for kudos."""

    def __init__(self, max_pixels: int | None) -> None:
        super().__init__()
        self.max_pixels = max_pixels
        """How many it makes without; None if it does not say."""


def error_of_reply(reply: Reply) -> EngineError:
    """Return the error that a refusal means."""
    message, code = printable(reply.document.get("message")), str(reply.document.get("rc", ""))
    if code == "CorruptPrompt":
        return ContentRefused("AI Horde does not accept this prompt.")
    if code == "TimeoutIP":
        return _address_limit(message)
    if reply.status == httpx.codes.TOO_MANY_REQUESTS:
        return TooFast("AI Horde limits how often this server may ask.", _told_seconds(reply.headers))
    if code == "KudosUpfront":
        return KudosUpfront(_max_pixels(message))
    if code in KUDOS_CODES:
        return QuotaExhausted("AI Horde wants more kudos beforehand than this key has.", KUDOS_SECONDS)
    if code in UNAVAILABLE_CODES:
        return EngineBusy("AI Horde takes no requests at the moment.")
    return _error_of_status(reply.status, repeatable(reply.document.get("message")))


def _max_pixels(message: str) -> int | None:
    """Return the limit of its sentence "for requests over 692x692"; None if there is none."""
    found = SIZE_LIMIT.search(message)
    return int(found[1]) * int(found[2]) if found else None


def _address_limit(message: str) -> EngineRateLimited:
    found = ADDRESS_LIMIT.search(message)
    seconds = retry_after(found and found[1], MAX_RETRY_AFTER_SECONDS)
    return EngineRateLimited("AI Horde has shut this server's address out.", seconds or DEFAULT_RETRY_AFTER_SECONDS)


def _told_seconds(headers: httpx.Headers) -> int | None:
    """Return how long a rate limit lasts, by its limiter's headers; None if they do not say."""
    seconds = retry_after(headers.get("retry-after"), MAX_RETRY_AFTER_SECONDS)
    if seconds is not None:
        return seconds
    reset = whole_number(headers.get("x-ratelimit-reset"), UNIX_TIME_DIGITS)
    if reset is None:
        return None
    left = reset - int(time.time()) if reset > MAX_RETRY_AFTER_SECONDS else reset
    return min(max(left, 0), MAX_RETRY_AFTER_SECONDS)


def _error_of_status(status: int, message: str) -> EngineError:
    words = f'AI Horde answered HTTP {status}: "{message}".' if message else f"AI Horde answered HTTP {status}."
    if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        return EngineUnauthorized(words)
    if status in (httpx.codes.NOT_FOUND, httpx.codes.GONE):
        return EngineError("AI Horde knows nothing of the request any more.")
    if status in (httpx.codes.BAD_REQUEST, httpx.codes.UNPROCESSABLE_ENTITY):
        return RequestInvalid(words)
    return EngineBusy(words) if status >= httpx.codes.INTERNAL_SERVER_ERROR else UnexpectedReply(words)


def job_id(accepted: Document) -> str:
    """Return the id of an accepted request. Raises UnexpectedReply if there is none."""
    job = accepted.get("id")
    if not isinstance(job, str) or not re.fullmatch(r"[0-9A-Za-z-]{1,64}", job):
        raise UnexpectedReply("AI Horde accepted the request without telling an id.")
    return job


def count(found: object) -> int | None:
    """Return a number of seconds or requests; None if it is no sensible one."""
    return int(found) if isinstance(found, int | float) and 0 <= found < MAX_RETRY_AFTER_SECONDS else None
