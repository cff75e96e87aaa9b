"""What AI Horde's replies mean: by the code `rc`, which every refusal of its own has, before the HTTP status."""

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

BRIEF_SECONDS = 5  # a limit that is over so soon is waited for here
LIMIT_SECONDS = 30  # without a word of its own on when to come back
KUDOS_SECONDS = 600  # how much it wants beforehand depends on how busy it is
LONGEST_WAIT_SECONDS = 86_400
ADDRESS_LIMIT = re.compile(r"timeout for (\d{1,6}) more seconds")

Reply = dict[str, Any]


class TooFast(EngineRateLimited):
    """Its limiter of requests in a second: such a request was not accepted, and may be soon."""


def failure(status: int, headers: httpx.Headers, reply: Reply) -> EngineError:
    """What a refusal means."""
    code = str(reply.get("rc", ""))
    said = printable(reply.get("message"))
    words = f'AI Horde answered HTTP {status}: "{said}".' if said else f"AI Horde answered HTTP {status}."
    if code == "CorruptPrompt":
        return ContentRefused("AI Horde does not accept this prompt.")
    if code == "TimeoutIP":
        found = ADDRESS_LIMIT.search(said)
        return EngineRateLimited("AI Horde has shut this server's address out.", _bounded(found and found[1]))
    if status == httpx.codes.TOO_MANY_REQUESTS:
        told = headers.get("retry-after")
        kind = TooFast if told is None or _bounded(told) <= BRIEF_SECONDS else EngineRateLimited
        return kind("AI Horde limits how often this server may ask.", _bounded(told))
    if code in ("KudosUpfront", "SharedKeyEmpty", "SharedKeyInsufficientKudos"):
        return QuotaExhausted("AI Horde wants more kudos beforehand than this key has.", KUDOS_SECONDS)
    if code in ("MaintenanceMode", "NoValidWorkers"):
        return EngineBusy("AI Horde takes no requests at the moment.")
    if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        return EngineUnauthorized(words)
    if status in (httpx.codes.NOT_FOUND, httpx.codes.GONE):
        return EngineError("AI Horde knows nothing of the request any more.")
    if status in (httpx.codes.BAD_REQUEST, httpx.codes.UNPROCESSABLE_ENTITY):
        return RequestInvalid(words)
    if status >= httpx.codes.INTERNAL_SERVER_ERROR:
        return EngineBusy(words)
    return UnexpectedReply(words)


def job_id(accepted: Reply) -> str:
    """The id of a request that was accepted."""
    job = accepted.get("id")
    if not isinstance(job, str) or not re.fullmatch(r"[0-9A-Za-z-]{1,64}", job):
        raise UnexpectedReply("AI Horde accepted the request without telling an id.")
    return job


def count(found: object) -> int | None:
    """A number of seconds or requests, if it is a sensible one."""
    return int(found) if isinstance(found, int | float) and 0 <= found < LONGEST_WAIT_SECONDS else None


def _bounded(text: str | None) -> int:
    """Seconds that the service told; a day at most, and half a minute where it told none."""
    return retry_after(text, LONGEST_WAIT_SECONDS) or LIMIT_SECONDS
