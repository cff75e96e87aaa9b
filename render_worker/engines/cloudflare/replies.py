"""The pictures and errors of Workers AI's replies.

Its codes are in https://developers.cloudflare.com/workers-ai/platform/errors; those from 6003 on are of Cloudflare's
whole API. Not in the table, but seen by users: 4006 in place of 3036, 3030 of a filter, 5035, an envelope of errors
with HTTP 200, and pictures under a media type that they are not of.
"""

import logging
import re

import httpx

from render_worker.engines.free_quota import FreeQuotaExhausted
from render_worker.errors import (
    ContentRefused,
    EngineBusy,
    EngineError,
    EngineNotConfigured,
    EngineRateLimited,
    EngineUnauthorized,
    PhaseTimeout,
    RequestInvalid,
    UnexpectedReply,
)
from render_worker.imaging import is_picture
from render_worker.outbound.exchange import Reply, picture_in_base64
from render_worker.outbound.privacy import repeatable
from render_worker.outbound.replies import printable, retry_after, whole_number

NAME = "Cloudflare"
MAX_RETRY_AFTER_SECONDS = 3600
MAX_CODE_DIGITS = 6
MAX_ERRORS = 10
USED_UP = re.compile(r"daily (free )?allocation|used up your", re.IGNORECASE)
FLAGGED = re.compile(r"nsfw|has been flagged", re.IGNORECASE)
MAX_SEARCHED_BYTES = 2000
NOT_VALID = re.compile(r"input (is not|isn't) valid|invalid input", re.IGNORECASE)

FILTER = 3030
NO_NEURONS = (3036, 4006)
NO_CAPACITY = 3040
GAVE_UP = (3007, 3008)
INVALID = (3003, 3006, 5004)
NO_MODEL = (3042, 5007)
PAID_PLAN = 5035
NO_ACCOUNT = (7000, 7003)
REFUSED_ACCOUNT = (3023, 3041, 5016, 5018)
REFUSED_TOKEN = (6003, 6111, 9109, 10000)

log = logging.getLogger(__name__)


class ErraticRefusal(ContentRefused):
    """Raised by a filter that holds back harmless prompts too, by chance: another engine may be asked.

    Users measured 3 of 4 and 2 of 8 harmless prompts refused, one of them the word "hamburger"; a repetition may pass.
    """

    hint = "Ask again, or change the prompt: this filter errs by chance."
    forbids_fallback = False


def picture_of(reply: Reply) -> bytes:
    """Return the picture of a successful reply, whatever its media type says. Raises an EngineError if it has none."""
    if is_picture(reply.body):
        return reply.body
    document = reply.document
    if not document:
        if reply.headers.get("content-type", "").startswith("image/"):
            return reply.body  # whatever is wrong with it, a picture's own errors say it better
        raise UnexpectedReply(f"{NAME} answered neither a picture nor a JSON object.")
    if document.get("success") is False or _codes(document):
        raise error_of(reply)
    result = document.get("result", document)
    return picture_in_base64(result.get("image") if isinstance(result, dict) else result, NAME)


def error_of(reply: Reply) -> EngineError:
    """Return the error that a refusal means: the service's own codes come before the HTTP status."""
    document = reply.document
    errors, message = _codes(document), _message(document)
    log.warning("Cloudflare responded with HTTP %d, %s: %s", reply.status, list(errors) or "no code", message)
    for code, words in errors.items():
        if error := _error_of_code(code, words):
            return error
    return _error_of_words(reply.body[:MAX_SEARCHED_BYTES].decode("utf-8", "replace")) or _error_of_status(reply)


def _error_of_words(words: str) -> EngineError | None:
    """Return the error that the service's words mean where it gives no code that is known; None if they mean none."""
    if USED_UP.search(words):
        return _no_neurons()
    return _held_back() if FLAGGED.search(words) else None


def _error_of_code(code: int, message: str) -> EngineError | None:
    """Return the error of a code; None if it is unknown."""
    if code == FILTER:
        if NOT_VALID.search(message):
            return RequestInvalid("Cloudflare's model does not accept the request's parameters.")
        return _held_back()
    if code in NO_NEURONS:
        return _no_neurons()
    if code == NO_CAPACITY:
        return EngineBusy("Cloudflare has no capacity for the model at the moment.")
    if code in GAVE_UP:
        return PhaseTimeout("Cloudflare gave the picture up, as its model took too long.")
    if code in INVALID:
        return RequestInvalid("Cloudflare does not accept the request's parameters.")
    return _error_of_account(code)


def _error_of_account(code: int) -> EngineError | None:
    if code in NO_MODEL:
        return EngineNotConfigured("Cloudflare has no such model; look at CLOUDFLARE_MODEL.")
    if code == PAID_PLAN:
        return EngineNotConfigured("Cloudflare's model needs a paid plan; set another one in CLOUDFLARE_MODEL.")
    if code in NO_ACCOUNT:
        return EngineNotConfigured("Cloudflare does not know the account; look at CLOUDFLARE_ACCOUNT_ID.")
    if code in REFUSED_ACCOUNT:
        return EngineUnauthorized(f"Cloudflare does not let this account use the model (code {code}).")
    if code in REFUSED_TOKEN:
        return EngineUnauthorized("Cloudflare does not accept CLOUDFLARE_API_TOKEN, which needs Workers AI.")
    return None


def _held_back() -> ErraticRefusal:
    return ErraticRefusal("Cloudflare's filter held the picture back, which by chance it does to harmless ones.")


def _no_neurons() -> FreeQuotaExhausted:
    return FreeQuotaExhausted("Today's free neurons at Cloudflare are used up; there are new ones at 00:00 UTC.")


def _error_of_status(reply: Reply) -> EngineError:
    """Return the error of a reply without a known code."""
    status = reply.status
    if status == httpx.codes.TOO_MANY_REQUESTS:
        seconds = retry_after(reply.headers.get("retry-after"), MAX_RETRY_AFTER_SECONDS)
        return EngineRateLimited("Cloudflare limits how often this account may ask.", seconds)
    kinds: dict[int, type[EngineError]] = {
        400: RequestInvalid,
        401: EngineUnauthorized,
        403: EngineUnauthorized,
        404: EngineNotConfigured,
        408: PhaseTimeout,
        413: RequestInvalid,
        422: RequestInvalid,
    }
    kind = kinds.get(status, EngineBusy if status >= httpx.codes.INTERNAL_SERVER_ERROR else UnexpectedReply)
    return kind(f"Cloudflare answered HTTP {status}.")


def _codes(document: dict[str, object]) -> dict[int, str]:
    """Return the codes of an envelope's errors with their messages, in their order."""
    found: dict[int, str] = {}
    errors = document.get("errors")
    for error in (errors if isinstance(errors, list) else [])[:MAX_ERRORS]:
        code = error.get("code") if isinstance(error, dict) else None
        number = code if isinstance(code, int) and not isinstance(code, bool) else whole_number(code, MAX_CODE_DIGITS)
        if number is not None:
            found.setdefault(number, printable(error.get("message")))
    return found


def _message(document: dict[str, object]) -> str:
    """Return the first message of an envelope, for the log; "" if there is none."""
    errors = document.get("errors")
    first = errors[0] if isinstance(errors, list) and errors else None
    return repeatable(first.get("message") if isinstance(first, dict) else first)
