"""The errors that AI Horde's replies mean: by the code `rc`, which its own refusals have, before the HTTP status."""

import re
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
from render_worker.outbound.replies import printable, retry_after

BRIEF_SECONDS = 5  # a limit this short is waited for here
DEFAULT_RETRY_AFTER_SECONDS = 30  # if it does not say how long
KUDOS_SECONDS = 600  # how much it wants beforehand depends on how busy it is
MAX_RETRY_AFTER_SECONDS = 86_400
KUDOS_CODES = ("KudosUpfront", "SharedKeyEmpty", "SharedKeyInsufficientKudos")
UNAVAILABLE_CODES = ("MaintenanceMode", "NoValidWorkers")
ADDRESS_LIMIT = re.compile(r"timeout for (\d{1,6}) more seconds")

Reply = dict[str, Any]


class TooFast(EngineRateLimited):
    """Raised by its limiter of requests in a second: the request was not accepted, and a retry soon may be."""


def error_of_reply(status: int, headers: httpx.Headers, reply: Reply) -> EngineError:
    """Return the error that a refusal means."""
    message = printable(reply.get("message"))
    code = str(reply.get("rc", ""))
    if code == "CorruptPrompt":
        return ContentRefused("AI Horde does not accept this prompt.")
    if code == "TimeoutIP":
        return _address_limit(message)
    if status == httpx.codes.TOO_MANY_REQUESTS:
        return _rate_limit(headers.get("retry-after"))
    if code in KUDOS_CODES:
        return QuotaExhausted("AI Horde wants more kudos beforehand than this key has.", KUDOS_SECONDS)
    if code in UNAVAILABLE_CODES:
        return EngineBusy("AI Horde takes no requests at the moment.")
    return _error_of_status(status, message)


def _address_limit(message: str) -> EngineRateLimited:
    found = ADDRESS_LIMIT.search(message)
    return EngineRateLimited("AI Horde has shut this server's address out.", _wait_seconds(found and found[1]))


def _rate_limit(value: str | None) -> EngineRateLimited:
    seconds = _wait_seconds(value)
    kind = TooFast if value is None or seconds <= BRIEF_SECONDS else EngineRateLimited
    return kind("AI Horde limits how often this server may ask.", seconds)


def _error_of_status(status: int, message: str) -> EngineError:
    words = f'AI Horde answered HTTP {status}: "{message}".' if message else f"AI Horde answered HTTP {status}."
    if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        return EngineUnauthorized(words)
    if status in (httpx.codes.NOT_FOUND, httpx.codes.GONE):
        return EngineError("AI Horde knows nothing of the request any more.")
    if status in (httpx.codes.BAD_REQUEST, httpx.codes.UNPROCESSABLE_ENTITY):
        return RequestInvalid(words)
    return EngineBusy(words) if status >= httpx.codes.INTERNAL_SERVER_ERROR else UnexpectedReply(words)


def job_id(accepted: Reply) -> str:
    """Return the id of an accepted request. Raises UnexpectedReply if there is none."""
    job = accepted.get("id")
    if not isinstance(job, str) or not re.fullmatch(r"[0-9A-Za-z-]{1,64}", job):
        raise UnexpectedReply("AI Horde accepted the request without telling an id.")
    return job


def count(found: object) -> int | None:
    """Return a number of seconds or requests; None if it is no sensible one."""
    return int(found) if isinstance(found, int | float) and 0 <= found < MAX_RETRY_AFTER_SECONDS else None


def _wait_seconds(text: str | None) -> int:
    """Return the seconds that the service named, a day at most; half a minute if it named none."""
    return retry_after(text, MAX_RETRY_AFTER_SECONDS) or DEFAULT_RETRY_AFTER_SECONDS
