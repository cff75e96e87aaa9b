"""Retries of a job's failed attempts: after which errors another one can help, and when it may begin."""

import random
from collections.abc import Iterable
from dataclasses import dataclass

from image_api.errors import ApiError
from image_api.settings import Settings

MAX_PAUSE_SECONDS = 600.0
SERVER_ERRORS = frozenset({429, 500, 502, 503, 504})

NEVER = frozenset(
    {
        # The request itself: the next attempt is the same one.
        *("invalid_parameter", "unsupported", "too_large", "model_not_found", "not_found", "picture_deleted"),
        *("content_refused", "nsfw_refused", "engine_request_refused", "perchance_request_refused", "too_slow"),
        "job_unreadable",
        # What an operator has to see to.
        *("worker_not_configured", "engine_not_configured", "storage_not_configured", "unauthorized"),
        *("engine_unauthorized", "engine_quota_exhausted", "model_unusable", "out_of_memory"),
        *("perchance_client_outdated", "perchance_access_code_required"),
        # A job that was interrupted so often may be what kills its process.
        "job_interrupted",
        # Of routes, handshakes, pages and jobs; no attempt ends so.
        *("misdirected_request", "speculative_request", "stream_lost", "websocket_only", "bad_handshake"),
        "deletion_unsupported",
        *("invalid_http", "method_not_allowed", "precondition_failed", "range_not_satisfiable"),
        *("job_not_found", "job_over", "idempotency_key_reused"),
        *("forbidden", "auth_unavailable", "too_many_attempts", "invalid_link"),
        *("rate_limited", "budget_exhausted", "over_budget", "prompt_blocked"),
    }
)
"""The codes of errors that another attempt meets again."""

AGAIN = frozenset(
    {
        # Backpressure, and a render worker that is down or starts.
        *("service_busy", "too_many_streams", "too_many_jobs", "worker_busy", "worker_unavailable"),
        *("service_stopping", "database_unavailable"),
        # What was late or broken off, or is another try's luck.
        *("timeout", "cancelled", "superseded", "internal_error", "picture_unavailable", "request_timeout"),
        *("picture_empty", "picture_broken", "picture_unreadable", "picture_wrong_size", "picture_too_large"),
        "picture_missing",
        # Engines and storages in a bad moment.
        *("engine_failed", "engine_resting", "engine_starting", "engine_unreachable", "engine_busy"),
        "engine_unexpected_reply",
        *("engine_rate_limited", "engine_budget_unavailable", "storage_failed", "storage_resting"),
        *("perchance_verification_required", "perchance_rate_limited", "perchance_generation_failed"),
        *("perchance_stale_request", "perchance_busy", "perchance_unexpected_reply"),
    }
)
"""The codes of errors after which another attempt can succeed."""


def can_help(error: ApiError) -> bool:
    """Return whether another attempt may not end with this error.

    A code that is not known here, such as a newer render worker's, counts by its status and its Retry-After.
    """
    body = error.body()
    if body.code in NEVER or body.code in AGAIN:
        return body.code in AGAIN
    return body.retry_after is not None or error.status in SERVER_ERRORS


@dataclass(frozen=True)
class RetryPolicy:
    """How often a job's failed attempts are repeated, and with what pauses."""

    max_retries: int
    base: float
    """Exponential backoff: seconds before the first retry, and the factor of each further one."""

    @classmethod
    def of(cls, settings: Settings) -> "RetryPolicy":
        """Return the policy that the settings give."""
        return cls(settings.max_retries, settings.retry_backoff_base)

    def pause(self, failures: int, errors: Iterable[ApiError]) -> float:
        """Return the seconds until the next attempt after so many failed ones.

        That is half of the backoff or what an error's Retry-After says, whichever is longer, and jitter of as much as
        the other half: jobs that failed together do not come back together.
        """
        half = min(self.base**failures, MAX_PAUSE_SECONDS) / 2
        least = max([half, *(error.body().retry_after or 0 for error in errors)])
        return min(MAX_PAUSE_SECONDS, least + random.uniform(0, half))  # noqa: S311
