"""What Perchance's replies mean.

Nothing of this is documented by the site; it was gathered from public clients and captures of 2024 to 2026. One
reply has one meaning here, and what is not known is said to be unknown.
"""

import json
import re
from collections.abc import Mapping

from render_worker.errors import EngineError, RateLimited, UnexpectedReply, VerificationRequired

USER_KEY = re.compile(r"[0-9A-Za-z_-]{8,256}")  # 64 hexadecimal digits wherever it was seen
GENERATED_KEYS = ("imageId", "fileExtension", "seed", "width", "height", "guidanceScale", "negativePrompt", "maybeNsfw")


class PreviousUnfinished(EngineError):
    """The site makes one picture at a time for a key, and still makes another; ask again in a few seconds."""


class KeyRefused(EngineError):
    """The key expired or was given to another address; ask for a new one."""


REFUSALS: dict[str, type[PreviousUnfinished | KeyRefused | VerificationRequired | RateLimited]] = {
    "waiting_for_prev_request_to_finish": PreviousUnfinished,
    "invalid_key": KeyRefused,
    "failed_verification": VerificationRequired,
    "verification_required": VerificationRequired,
    "too_many_requests": RateLimited,
}


def read_user_key(status: int, headers: Mapping[str, str], body: str) -> str:
    """The key in a reply of `verifyUser`, or the error that the reply means."""
    try:
        reply = json.loads(body)
    except ValueError:
        raise unreadable(status, headers, body) from None
    if not isinstance(reply, dict):
        raise unreadable(status, headers, body)
    key = reply.get("userKey")
    if isinstance(key, str) and USER_KEY.fullmatch(key):
        return key
    raise refusal(reply, "verifyUser")


def check_generated(reply: object) -> None:
    """Accept the reply to `generate` that announces a picture; raise what any other reply means."""
    if not isinstance(reply, dict):
        raise UnexpectedReply("Perchance's reply to generate was no JSON object.")
    if any(key not in reply for key in GENERATED_KEYS):
        raise refusal(reply, "generate")
    if not isinstance(reply["seed"], int) or not isinstance(reply["guidanceScale"], int | float):
        raise UnexpectedReply("Perchance's reply to generate held a seed or guidance that is no number.")


def refusal(reply: Mapping[str, object], asked: str) -> EngineError:
    """The error that a JSON reply without a result means."""
    word = str(reply.get("status", ""))
    if word in REFUSALS:
        return REFUSALS[word]()
    shown = re.sub(r"[^0-9A-Za-z_-]", "?", word)[:60] or "none"
    return UnexpectedReply(f"Perchance answered {asked} with an unknown status: {shown}.")


def unreadable(status: int, headers: Mapping[str, str], body: str) -> EngineError:
    """The error that a reply which is no JSON means: a challenge page, a rate limit or something new."""
    if headers.get("cf-mitigated") == "challenge" or "Just a moment..." in body or "_cf_chl_opt" in body:
        return VerificationRequired()
    if status == 429:
        return RateLimited()
    kind = re.sub(r"[^0-9A-Za-z/+.-]", "?", headers.get("content-type", "").split(";")[0])[:60] or "no content type"
    return UnexpectedReply(f"Perchance answered HTTP {status} with {kind} where JSON was expected.")
