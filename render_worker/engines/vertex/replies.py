"""The errors that Vertex AI's replies mean.

A reply has the shape of google.rpc.Status: a code, a status word, a message, and details by type. What each code means,
and which to retry, is on https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/api-errors.
"""

import logging
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

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
from render_worker.outbound.replies import printable, retry_after

if TYPE_CHECKING:
    from google.genai.errors import APIError

RETRYABLE = (500, 503)  # by Google's advice; a gateway's 502 and 504 leave open whether the request arrived
BILLING_SECONDS = 3600
MAX_RETRY_AFTER_SECONDS = 86_400
MAX_LOGGED = 300
DELAY = re.compile(r"([0-9]{1,9})(?:\.\d+)?s?")

log = logging.getLogger(__name__)


def content_refused(why: str) -> ContentRefused:
    """Return the error of content that Vertex AI declines."""
    return ContentRefused(f"Vertex AI does not make this picture ({why}).")


def error_of_reply(error: "APIError", model: str, location: str) -> EngineError:
    """Return the error that an HTTP status other than 200 means."""
    details, message = list(_details(error.details)), printable(error.message, MAX_READ)
    reasons = {detail["reason"] for detail in details if isinstance(detail.get("reason"), str)}
    shown = repeatable(error.message, MAX_LOGGED)
    log.warning("Vertex AI responded with HTTP %s %s: %s", error.code, printable(error.status, MAX_LOGGED), shown)
    if error.code == 402 or "BILLING_DISABLED" in reasons:
        return QuotaExhausted("Vertex AI wants billing to be set up for this server's project.", BILLING_SECONDS)
    if error.code in (401, 403) or "API_KEY_INVALID" in reasons:
        return EngineUnauthorized(f"Vertex AI does not accept this server's key (HTTP {error.code}).")
    if error.code == 404:
        where = f"under the name in VERTEX_MODEL, {model}, at VERTEX_AI_LOCATION {location}"
        return EngineNotConfigured(f"Vertex AI has no model for this server {where}.")
    if error.code == 429:
        sentence = "Vertex AI has had enough requests from this server's project for now."
        return EngineRateLimited(sentence, _wait_seconds(details, error))
    return _error_of_status(error.code, str(error.status), message)


def _error_of_status(code: int, status: str, message: str) -> EngineError:
    if code in RETRYABLE:
        return EngineBusy(f"Vertex AI is unavailable (HTTP {code}).")
    if code > 500:
        return EngineError(f"Vertex AI failed with HTTP {code}.")
    return _bad_request(status, message) if code == 400 else UnexpectedReply(f"Vertex AI answered HTTP {code}.")


def _bad_request(status: str, message: str) -> EngineError:
    if "Responsible AI" in message or "usage guidelines" in message:  # Google's words for a declined prompt
        return content_refused("its filter held the prompt back")
    if status == "INVALID_ARGUMENT":
        return RequestInvalid("Vertex AI does not accept this request's parameters.")
    return EngineError("Vertex AI does not take requests of this server's project as they are (HTTP 400).")


def _details(document: Any) -> Iterator[dict[str, Any]]:
    error = document.get("error") if isinstance(document, dict) else None
    details = error.get("details") if isinstance(error, dict) else None
    yield from (detail for detail in (details if isinstance(details, list) else []) if isinstance(detail, dict))


def _wait_seconds(details: list[dict[str, Any]], error: "APIError") -> int | None:
    """Return the delay in Google's details (google.rpc.RetryInfo) or in the header; None if there is none."""
    headers = getattr(error.response, "headers", {})
    for value in [*(detail.get("retryDelay") for detail in details), headers.get("retry-after")]:
        if isinstance(value, str) and (delay := DELAY.fullmatch(value)):
            return max(retry_after(delay[1], MAX_RETRY_AFTER_SECONDS) or 0, 1)
    return None
