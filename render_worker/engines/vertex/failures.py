"""What Vertex AI's failures mean.

They have the shape of google.rpc.Status: a code, a status word, a message, and details by type. What each code means,
and which are to be tried again, is on https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/api-errors.
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
from render_worker.outbound.replies import printable, retry_after

if TYPE_CHECKING:
    from google.genai.errors import APIError

TURNED_AWAY = (500, 503)  # of these Google says to ask again; a gateway's 502 and 504 leave open what became of it
BILLING_SECONDS = 3600
LONGEST_WAIT_SECONDS = 86_400
MAX_LOGGED = 300
DELAY = re.compile(r"([0-9]{1,9})(?:\.\d+)?s?")

log = logging.getLogger(__name__)


def refused(why: str) -> ContentRefused:
    """Vertex AI declines the content."""
    return ContentRefused(f"Vertex AI does not make this picture ({why}).")


def failure(error: "APIError", model: str, location: str) -> EngineError:
    """What an HTTP status other than 200 means."""
    details, said = list(_details(error.details)), printable(error.message, MAX_LOGGED)
    reasons = {detail["reason"] for detail in details if isinstance(detail.get("reason"), str)}
    log.warning("Vertex AI answered HTTP %s %s: %s", error.code, printable(error.status, MAX_LOGGED), said)
    if error.code == 402 or "BILLING_DISABLED" in reasons:
        return QuotaExhausted("Vertex AI wants billing to be set up for this server's project.", BILLING_SECONDS)
    if error.code in (401, 403) or "API_KEY_INVALID" in reasons:
        return EngineUnauthorized(f"Vertex AI does not accept this server's key (HTTP {error.code}).")
    if error.code == 404:
        where = f"under the name in VERTEX_MODEL, {model}, at VERTEX_AI_LOCATION {location}"
        return EngineNotConfigured(f"Vertex AI has no model for this server {where}.")
    if error.code == 429:
        wait = _seconds_to_wait(details, error)
        return EngineRateLimited("Vertex AI has had enough requests from this server's project for now.", wait)
    if error.code in TURNED_AWAY:
        return EngineBusy(f"Vertex AI is unavailable (HTTP {error.code}).")
    if error.code > 500:
        return EngineError(f"Vertex AI failed with HTTP {error.code}.")
    if error.code == 400:
        return _bad_request(str(error.status), said)
    return UnexpectedReply(f"Vertex AI answered HTTP {error.code}.")


def _bad_request(status: str, said: str) -> EngineError:
    if "Responsible AI" in said or "usage guidelines" in said:  # Imagen's words for a prompt that it does not take
        return refused("its filter held the prompt back")
    if status == "INVALID_ARGUMENT":
        return RequestInvalid("Vertex AI does not accept this request's parameters.")
    return EngineError("Vertex AI does not take requests of this server's project as they are (HTTP 400).")


def _details(document: Any) -> Iterator[dict[str, Any]]:
    error = document.get("error") if isinstance(document, dict) else None
    details = error.get("details") if isinstance(error, dict) else None
    yield from (detail for detail in (details if isinstance(details, list) else []) if isinstance(detail, dict))


def _seconds_to_wait(details: list[dict[str, Any]], error: "APIError") -> int | None:
    """Google names a delay in its details (google.rpc.RetryInfo) or in the header; None where it names none."""
    headers = getattr(error.response, "headers", {})
    for told in [*(detail.get("retryDelay") for detail in details), headers.get("retry-after")]:
        if isinstance(told, str) and (delay := DELAY.fullmatch(told)):
            return max(retry_after(delay[1], LONGEST_WAIT_SECONDS) or 0, 1)
    return None
