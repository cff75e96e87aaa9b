"""The errors that refusals mean: services of OpenAI's API have many shapes of them, and codes of their own."""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

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
from render_worker.outbound.replies import json_object, printable, retry_after, whole_number

BILLING_SECONDS = 3600
MAX_RETRY_AFTER_SECONDS = 86_400
CONTENT = re.compile(
    r"moderation_blocked|content_?policy_?violation|content_?filter|ResponsibleAIPolicyViolation|content_refused"
    r"|image_generation_user_error|nsfw|safety_violations?",
    re.IGNORECASE,
)
"""In a code, a type or, from a proxy that wraps its service's errors, a sentence."""
MONEY = re.compile(
    r"insufficient_quota|billing_(?:hard_limit_reached|not_active)|payment_required|insufficient_balance"
    r"|engine_quota_exhausted|credit_limit|exceeded your current quota|billing hard limit",
    re.IGNORECASE,
)
UNKNOWN_MODEL = re.compile(
    r"model_not_found|model mismatch|invalid model name|deploymentnotfound|engine_not_configured", re.IGNORECASE
)
RATE = re.compile(r"rate_limit(?:_exceeded|_error)?|too_many_requests", re.IGNORECASE)
POLLINATIONS_INVALID = "UNPROCESSABLE_ENTITY"
DURATION = re.compile(r"(?=\d)(?:(\d{1,4})h)?(?:(\d{1,5})m(?!s))?(?:(\d{1,6})(?:\.\d+)?s)?(?:\d{1,9}(?:\.\d+)?ms)?")
RESET = "x-ratelimit-reset-"
STATUS_OF_TYPE = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "rate_limit_error": 429,
    "server_error": 500,
}


class ResponseFormatRefused(RequestInvalid):
    """Raised if a server does not take `response_format`, as GPT image models do not: nothing was made."""


@dataclass(frozen=True)
class Refusal:
    """What a reply says of a refusal, as far as it says it."""

    status: int
    codes: tuple[str, ...] = ()
    """Its code, its type, and the code of an inner error."""
    param: str = ""
    message: str = ""
    """As it came, for `repeatable`: it may hold the request's texts, or the key."""
    seconds: int | None = None
    """After which asking again can help."""
    is_of_input: bool = False
    """Whether the text was refused before anything was made, which costs nothing."""
    is_reply: bool = True
    """Whether the status is that of a reply, and not what a type of error means."""

    def tells(self, pattern: re.Pattern[str]) -> bool:
        """Return whether its codes or its message have such a word."""
        return any(pattern.search(text) for text in (*self.codes, self.message))


def refusal_of(reply: Reply) -> Refusal:
    """Return what a reply says, whatever its shape."""
    document = json_object(reply.body)
    if document is None:
        is_page = b"<" in reply.body[:200]
        text = "" if is_page else reply.body[:MAX_READ].decode(errors="replace")
        return Refusal(reply.status, message=text, seconds=wait_seconds(reply.headers))
    found = refusal_in(document, reply.status)
    return found if found.seconds else Refusal(**{**vars(found), "seconds": wait_seconds(reply.headers)})


def refusal_in(document: Mapping[str, object], status: int | None = None) -> Refusal:
    """Return what a JSON object says: `error` as an object or a text, then `detail`, then `message`.

    `status` is the reply's; None if that is a success, or if the object is one of several.
    """
    error = document.get("error")
    fields = error if isinstance(error, dict) else document
    inner = fields.get("inner_error") or fields.get("innererror")
    details = fields.get("moderation_details")
    words = (fields.get("code"), fields.get("type"), inner.get("code") if isinstance(inner, dict) else None)
    codes = tuple(printable(word) for word in words if isinstance(word, str))
    meant = next((STATUS_OF_TYPE[code] for code in codes if code in STATUS_OF_TYPE), 200)
    return Refusal(
        meant if status is None else status,
        (*codes, error) if isinstance(error, str) and "message" in document else codes,
        printable(fields.get("param")),
        _message(document, fields),
        _seconds(fields.get("retry_after")),
        is_of_input=isinstance(details, dict) and details.get("moderation_stage") == "input",
        is_reply=status is not None,
    )


def error_of(refusal: Refusal, service: str, model: str, secrets: Iterable[str]) -> EngineError:
    """Return the error that a refusal means; its codes come before its status. No secret is repeated."""
    words = repeatable(refusal.message, secrets=secrets)
    said = f': "{words}"' if words else ""
    if refusal.tells(MONEY) or refusal.status == 402:
        return QuotaExhausted(f"{service} wants the account to be paid for{said}.", refusal.seconds or BILLING_SECONDS)
    if refusal.tells(CONTENT) or _is_refusal_by_pollinations(refusal):
        refused = ContentRefused(f"{service} does not make such a picture{said}.")
        refused.unbilled = refusal.is_of_input
        return refused
    if refusal.status == 429 or any(RATE.fullmatch(code) for code in refusal.codes):
        return EngineRateLimited(f"{service} limits how often this server may ask.", refusal.seconds)
    if refusal.tells(UNKNOWN_MODEL) or refusal.status in (404, 410):
        return EngineNotConfigured(f"{service} has no {model} for this server at this address{said}.")
    if refusal.status in (401, 403):  # its words may quote the key
        return EngineUnauthorized(_unauthorized(refusal, service, model))
    return _error_of_status(refusal, service, said)


def _error_of_status(refusal: Refusal, service: str, said: str) -> EngineError:
    sentence = f"{service} answered {f'HTTP {refusal.status}' if refusal.is_reply else 'with an error'}{said}."
    if refusal.status in (408, 409, 425) or refusal.status >= 500:
        return EngineBusy(sentence, refusal.seconds)
    if refusal.status >= 400:
        about = f" It is about {refusal.param}." if refusal.param else ""
        is_of_format = "response_format" in (refusal.param, *re.findall(r"\w+", refusal.message))
        return (ResponseFormatRefused if is_of_format else RequestInvalid)(sentence + about)
    if refusal.status >= 300 or not said:
        return UnexpectedReply(f"{service} answered HTTP {refusal.status} without a picture.")
    return EngineError(f"{service} made no picture{said}.")


def _unauthorized(refusal: Refusal, service: str, model: str) -> str:
    if refusal.status == 403 and re.search(r"must be verified|verify (your )?organi[sz]ation", refusal.message, re.I):
        return f"{service} wants the organisation of this server's key to be verified for {model}."
    return f"{service} does not accept this server's key (HTTP {refusal.status})."


def _is_refusal_by_pollinations(refusal: Refusal) -> bool:
    """Return whether it is one of gen.pollinations.ai's, whose refusals of content are 422 with a code of their own."""
    code = refusal.codes[0] if refusal.codes else ""
    return refusal.status == 422 and code.isupper() and code != POLLINATIONS_INVALID


def _message(document: Mapping[str, object], fields: Mapping[str, object]) -> str:
    error, detail = document.get("error"), document.get("detail")
    found = (fields.get("message"), document.get("message"), error, detail, _of_list(detail), document.get("errors"))
    return next((text[:MAX_READ] for text in found if isinstance(text, str) and printable(text)), "")


def _of_list(detail: object) -> str:
    """Return the first problem of FastAPI's list, with its field."""
    first = detail[0] if isinstance(detail, list) and detail else None
    if not isinstance(first, dict):
        return ""
    place = first.get("loc")
    where = ".".join(str(it) for it in place if it != "body") if isinstance(place, list) else ""
    said = first.get("msg")
    return f"{where}: {said if isinstance(said, str) else ''}".removeprefix(": ")


def wait_seconds(headers: Mapping[str, str]) -> int | None:
    """Return the seconds that the headers name until a retry; None if they name none."""
    if (milliseconds := whole_number(headers.get("retry-after-ms"), 9)) is not None:
        return min(math.ceil(milliseconds / 1000), MAX_RETRY_AFTER_SECONDS)
    named = retry_after(headers.get("retry-after"), MAX_RETRY_AFTER_SECONDS)
    if named is not None:
        return named
    resets = {
        name.lower().removeprefix(RESET): text for name, text in headers.items() if name.lower().startswith(RESET)
    }
    used_up = {what: it for what, it in resets.items() if headers.get(f"x-ratelimit-remaining-{what}", "0") == "0"}
    durations = [seconds for text in (used_up or resets).values() if (seconds := _duration(text)) is not None]
    return min(max(durations), MAX_RETRY_AFTER_SECONDS) if durations else None


def _duration(text: str) -> int | None:
    """Return the seconds of a text like 6m0s, 1.5s or 20ms, rounded up; None if it is none."""
    found = DURATION.fullmatch(text)
    if not found:
        return None
    hours, minutes, seconds = (int(it or 0) for it in found.groups())
    return max(1, hours * 3600 + minutes * 60 + seconds + ("." in text))


def _seconds(value: object) -> int | None:
    """Return a number of seconds of a JSON value; None if it is none."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < MAX_RETRY_AFTER_SECONDS
    return math.ceil(value) if is_number and isinstance(value, int | float) else None
