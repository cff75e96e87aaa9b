"""The errors that Perchance's replies mean.

The site documents none of them; they were gathered from public clients and captures of 2024 to 2026. Each reply has
one meaning here, and an unknown one is said to be unknown.
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
MAX_RETRY_AFTER_SECONDS = 86_400
USER_KEY = re.compile(r"[0-9A-Za-z_-]{8,256}")  # 64 hexadecimal digits in every capture
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
    """Raised if the site still makes another picture: a key has one at a time, so retry in a few seconds."""


class KeyRefused(EngineError):
    """Raised if the key expired or belongs to another address: get a new one."""


ERRORS_BY_STATUS_WORD: dict[str, Callable[[], EngineError]] = {
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


def error_of_refusal(reply: Mapping[str, object], endpoint: str, status: int = 200) -> EngineError:
    """Return the error that a JSON reply without a result means, by its status word or its HTTP status."""
    word = _identifier(reply.get("status", ""))
    if word in ERRORS_BY_STATUS_WORD:
        return ERRORS_BY_STATUS_WORD[word]()
    if status == TOO_MANY_REQUESTS:
        return RateLimited()
    return PerchanceChanged(f"Perchance answered {endpoint} with an unknown status: {word or 'none'}.")


def read_user_key(status: int, headers: Mapping[str, str], body: str) -> str:
    """Return the key in a reply of `verifyUser`. Raises the error that any other reply means."""
    reply = json_object(body)
    if reply is None:
        raise error_of_page(status, headers, body)
    key = reply.get("userKey")
    if isinstance(key, str) and USER_KEY.fullmatch(key):
        return key
    raise error_of_refusal(reply, "verifyUser", status)


def check_generated(reply: object, status: int) -> None:
    """Return if the reply to `generate` announces a picture. Raises the error that any other reply means."""
    if not isinstance(reply, dict):
        raise PerchanceChanged("Perchance's reply to generate was no JSON object.")
    if any(key not in reply for key in GENERATED_KEYS):
        raise error_of_refusal(reply, "generate", status)
    if not isinstance(reply["seed"], int) or not is_number(reply["guidanceScale"]):
        raise PerchanceChanged("Perchance announced a picture whose seed or guidance is no number.")


def read_posted(result: object) -> dict[str, object]:
    """Return the result that the site's page posted. Raises the error that it means if it announces no picture."""
    if not isinstance(result, dict):
        raise PerchanceChanged("Perchance's page posted a result that is no object.")
    if result.get("ok") is True and isinstance(result.get("url"), str):
        return result
    match result.get("code"):
        case 429:
            wait = result.get("retryAfter")
            raise RateLimited(int(wait) if is_number(wait) and 0 < wait < MAX_RETRY_AFTER_SECONDS else None)
        case 400:
            raise RequestRefused(f"Perchance did not accept the request: {_quoted(result.get('error'))}.")
        case 500:
            raise GenerationFailed(f"Perchance could not make the picture: {_quoted(result.get('error'))}.")
    raise PerchanceChanged(
        f"Perchance's page posted a refusal with an unknown code: {_identifier(result.get('code'))}."
    )


def error_of_page(status: int, headers: Mapping[str, str], body: str) -> EngineError:
    """Return the error of a page in place of the expected reply: a human check, a rate limit or something new."""
    if headers.get("cf-mitigated") == "challenge" or "Just a moment..." in body or "_cf_chl_opt" in body:
        return VerificationRequired()
    if status == TOO_MANY_REQUESTS:
        return RateLimited()
    kind = re.sub(r"[^0-9A-Za-z/+.-]", "?", headers.get("content-type", "").split(";")[0])[:60] or "no content type"
    return PerchanceChanged(f"Perchance answered HTTP {status} with {kind}, which was not expected there.")


def is_number(found: object) -> TypeGuard[int | float]:
    """Return whether it is a number, and neither NaN nor infinite."""
    return isinstance(found, int | float) and not isinstance(found, bool) and math.isfinite(found)


def _identifier(word: object) -> str:
    return re.sub(r"[^0-9A-Za-z_-]", "?", str(word))[:60]


def _quoted(sentence: object) -> str:
    """Return the site's own words so that they can be quoted in a sentence."""
    text = printable(str(sentence or ""))
    return f'"{text}"' if text else "it gave no reason"
