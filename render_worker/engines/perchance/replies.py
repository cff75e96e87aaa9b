"""What Perchance's replies mean.

Nothing of this is documented by the site; it was gathered from public clients and captures of 2024 to 2026. One
reply has one meaning here, and what is not known is said to be unknown.
"""

import math
import re
from collections.abc import Callable, Mapping
from typing import TypeGuard

from render_worker.engines.perchance.errors import (
    AccessCodeRequired,
    ClientOutdated,
    GenerationFailed,
    PerchanceChanged,
    RateLimited,
    RequestRefused,
    SiteBusy,
    StaleRequest,
    VerificationRequired,
)
from render_worker.errors import EngineError
from render_worker.outbound.replies import json_object, printable

TOO_MANY_REQUESTS = 429
LONGEST_WAIT_SECONDS = 86_400
USER_KEY = re.compile(r"[0-9A-Za-z_-]{8,256}")  # 64 hexadecimal digits wherever it was seen
GENERATED_KEYS = (
    "imageId",
    "fileExtension",
    "seed",
    "prompt",
    "width",
    "height",
    "guidanceScale",
    "negativePrompt",
    "maybeNsfw",
)


class PreviousUnfinished(EngineError):
    """The site makes one picture at a time for a key, and still makes another; ask again in a few seconds."""


class KeyRefused(EngineError):
    """The key expired or was given to another address; ask for a new one."""


REFUSALS: dict[str, Callable[[], EngineError]] = {
    "waiting_for_prev_request_to_finish": lambda: PreviousUnfinished("Perchance still makes another picture."),
    "queued": lambda: PreviousUnfinished("Perchance has put the picture into its queue."),
    "invalid_key": lambda: KeyRefused("Perchance refused the key."),
    "failed_verification": VerificationRequired,
    "verification_required": VerificationRequired,
    "too_many_requests": RateLimited,
    "gen_failure": lambda: GenerationFailed("Perchance tried and could not make the picture."),
    "stale_request": lambda: StaleRequest("Perchance took the request for an old one."),
    "invalid_data": lambda: RequestRefused("Perchance did not accept the request's data."),
    "network_busy": lambda: SiteBusy("Perchance's network is busy."),
    "fetch_failure": lambda: SiteBusy("Perchance could not reach its own machines."),
    "client_update_required": lambda: ClientOutdated("Perchance wants a newer client than the one that is used here."),
    "invalid_ad_access_code": lambda: AccessCodeRequired("Perchance wants a code that only its own page gets."),
    "invalid_access_code": lambda: AccessCodeRequired("Perchance wants a code that only its own page gets."),
}


def refusal(reply: Mapping[str, object], asked: str, status: int = 200) -> EngineError:
    """The error that a JSON reply without a result, and its HTTP status, mean."""
    word = _shown(reply.get("status", ""))
    if word in REFUSALS:
        return REFUSALS[word]()
    if status == TOO_MANY_REQUESTS:
        return RateLimited()
    return PerchanceChanged(f"Perchance answered {asked} with an unknown status: {word or 'none'}.")


def read_user_key(status: int, headers: Mapping[str, str], body: str) -> str:
    """The key in a reply of `verifyUser`, or the error that the reply means."""
    reply = json_object(body)
    if reply is None:
        raise unreadable(status, headers, body)
    key = reply.get("userKey")
    if isinstance(key, str) and USER_KEY.fullmatch(key):
        return key
    raise refusal(reply, "verifyUser", status)


def check_generated(reply: object, status: int) -> None:
    """Accept the reply to `generate` that announces a picture; raise what any other reply means."""
    if not isinstance(reply, dict):
        raise PerchanceChanged("Perchance's reply to generate was no JSON object.")
    if any(key not in reply for key in GENERATED_KEYS):
        raise refusal(reply, "generate", status)
    if not isinstance(reply["seed"], int) or not is_number(reply["guidanceScale"]):
        raise PerchanceChanged("Perchance announced a picture whose seed or guidance is no number.")


def check_posted(result: object) -> dict[str, object]:
    """The result that the site's own page posted, if it announces a picture; raise what any other means."""
    if not isinstance(result, dict):
        raise PerchanceChanged("Perchance's page posted a result that is no object.")
    if result.get("ok") is True and isinstance(result.get("url"), str):
        return result
    match result.get("code"):
        case 429:
            wait = result.get("retryAfter")
            raise RateLimited(int(wait) if is_number(wait) and 0 < wait < LONGEST_WAIT_SECONDS else None)
        case 400:
            raise RequestRefused(f"Perchance did not accept the request: {_quoted(result.get('error'))}.")
        case 500:
            raise GenerationFailed(f"Perchance could not make the picture: {_quoted(result.get('error'))}.")
    raise PerchanceChanged(f"Perchance's page posted a refusal with an unknown code: {_shown(result.get('code'))}.")


def unreadable(status: int, headers: Mapping[str, str], body: str) -> EngineError:
    """The error that a reply which is not what was asked for means: a challenge page, a rate limit or something new."""
    if headers.get("cf-mitigated") == "challenge" or "Just a moment..." in body or "_cf_chl_opt" in body:
        return VerificationRequired()
    if status == TOO_MANY_REQUESTS:
        return RateLimited()
    kind = re.sub(r"[^0-9A-Za-z/+.-]", "?", headers.get("content-type", "").split(";")[0])[:60] or "no content type"
    return PerchanceChanged(f"Perchance answered HTTP {status} with {kind}, which was not expected there.")


def is_number(found: object) -> TypeGuard[int | float]:
    """Whether it is a number, and neither NaN nor infinite."""
    return isinstance(found, int | float) and not isinstance(found, bool) and math.isfinite(found)


def _shown(word: object) -> str:
    return re.sub(r"[^0-9A-Za-z_-]", "?", str(word))[:60]


def _quoted(sentence: object) -> str:
    """The site's own words, fit to stand within a sentence of ours."""
    text = printable(str(sentence or ""))
    return f'"{text}"' if text else "it gave no reason"
