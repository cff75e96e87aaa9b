"""The errors that replies of Hugging Face and its providers mean.

Their words are logged and not passed on: they may name the account, or repeat the prompt. Sources: replies as quoted
in public code and issue threads of 2024 to 2026 (the router's `{"error": "…"}`, the Hub's RateLimit headers), fal.ai's
documented `detail`, and OpenAI's `{"error": {"message": …}}`, which nscale and Together follow.
"""

import logging
import math
import re
from collections.abc import Mapping

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
from render_worker.outbound.privacy import MAX_READ, repeatable
from render_worker.outbound.replies import json_object, printable, retry_after

MAX_RETRY_AFTER_SECONDS = 86_400
DEFAULT_RETRY_AFTER_SECONDS = 60
NO_CREDIT_SECONDS = 3600  # credits come by the month or by the operator's hand
MAX_PAUSE_SECONDS = 10.0  # how long a model takes to load is their guess
MIN_PAUSE_SECONDS = 1.0
REFUSED = re.compile(r"nsfw|content.?(policy|checker|filter)|safety|moderat", re.IGNORECASE)
MAX_LOGGED = 300
RATE_LIMIT = re.compile(r";\s*r=0\s*;\s*t=([0-9]{1,9})")  # like "api";r=0;t=55

log = logging.getLogger(__name__)


class ModelGone(EngineNotConfigured):
    """Raised if a provider has dropped the model, HTTP 410: another one may serve it."""


def error_of_reply(status: int, headers: Mapping[str, str], body: bytes, model: str) -> EngineError:
    """Return the error that a reply without a picture means."""
    message = service_words(body)
    log.warning(
        "Hugging Face responded with HTTP %d: %s", status, repeatable(message, MAX_LOGGED) or "no readable message"
    )
    if status in (400, 422):
        if REFUSED.search(message):
            return ContentRefused("The provider at Hugging Face does not make such a picture.")
        return RequestInvalid("Hugging Face's provider refused the request's parameters.")
    if status == 429:
        return EngineRateLimited("Hugging Face limits how often this account may ask.", _wait_seconds(headers))
    if status == 503:
        return EngineBusy("Hugging Face's provider cannot take the request at the moment.")
    return _error_of_status(status, model) or UnexpectedReply(f"Hugging Face answered HTTP {status}.")


def _error_of_status(status: int, model: str) -> EngineError | None:
    if status == 401:
        return EngineUnauthorized("Hugging Face does not accept the token.")
    if status == 402:
        return QuotaExhausted("The account at Hugging Face has no credits left for this provider.", NO_CREDIT_SECONDS)
    if status == 403:
        return EngineUnauthorized(
            "Hugging Face refuses the token, which needs its permission to call Inference Providers."
        )
    if status in (404, 410):
        kind = ModelGone if status == 410 else EngineNotConfigured
        return kind(f"The model {model} is not served, or no longer, by that provider at Hugging Face.")
    return EngineError(f"Hugging Face's provider failed with HTTP {status}.") if status >= 500 else None


def loading_seconds(status: int, body: bytes) -> float | None:
    """Return the seconds to wait for a model that is being loaded; None if the reply does not say that it is."""
    seconds = (json_object(body) or {}).get("estimated_time") if status == 503 else None
    if not isinstance(seconds, int | float) or isinstance(seconds, bool) or not seconds <= math.inf:  # as NaN is not
        return None
    return min(max(seconds, MIN_PAUSE_SECONDS), MAX_PAUSE_SECONDS)


def classified(body: bytes) -> bool | None:
    """Return whether fal.ai blackened the picture, which its reply says beside the address; None if it does not."""
    if b'"has_nsfw_concepts"' not in body:
        return None
    flags = (json_object(body) or {}).get("has_nsfw_concepts")
    if not isinstance(flags, list) or not flags:
        return None
    return True if True in flags else False if all(flag is False for flag in flags) else None


def service_words(body: bytes) -> str:
    """Return the service's own words in one line; "" if there are none."""
    reply = json_object(body) or {}
    words = reply.get("error") or reply.get("detail") or reply.get("message")
    if isinstance(words, list) and words:
        words = words[0]
    if isinstance(words, dict):
        words = " ".join(str(words[name]) for name in ("type", "code", "message", "msg") if words.get(name))
    return printable(" ".join(words.split()), MAX_READ) if isinstance(words, str) else ""


def _wait_seconds(headers: Mapping[str, str]) -> int:
    limited = RATE_LIMIT.search(headers.get("ratelimit", ""))
    seconds = retry_after(headers.get("retry-after"), MAX_RETRY_AFTER_SECONDS)
    if seconds is None and limited:
        seconds = retry_after(limited[1], MAX_RETRY_AFTER_SECONDS)
    return seconds or DEFAULT_RETRY_AFTER_SECONDS
