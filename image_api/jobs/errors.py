"""The errors of jobs, each with its stable code, HTTP status and sentence."""

from image_api.errors import ApiError, InvalidParameter


class JobNotFound(ApiError):
    """Raised if there is no job with an id, or no longer."""

    code = "job_not_found"
    status = 404

    def __init__(self) -> None:
        super().__init__(
            "There is no job with this id, or no longer: jobs that have ended are deleted some time later."
        )


class JobOver(ApiError):
    """Raised if a job is to be cancelled that has ended."""

    code = "job_over"
    status = 409

    def __init__(self, status: str) -> None:
        super().__init__(f"This job has ended: it is {status}.")


class TooManyJobs(ApiError):
    """Raised if MAX_PENDING_JOBS are pending, or a client has its half of them (backpressure)."""

    code = "too_many_jobs"
    status = 503
    retry_after = 60


class KeyReused(ApiError):
    """Raised if an Idempotency-Key comes with another request than the one that it came with first."""

    code = "idempotency_key_reused"
    status = 422

    def __init__(self) -> None:
        super().__init__("This Idempotency-Key came with another request before; use a new one for a new request.")


class DatabaseUnavailable(ApiError):
    """Raised if the jobs' database cannot be reached, or is locked for too long. Its own words have addresses."""

    code = "database_unavailable"
    status = 503
    retry_after = 10

    def __init__(
        self, sentence: str = "The database of the jobs cannot be used now.", *, is_locked: bool = False
    ) -> None:
        super().__init__(sentence)
        self.is_locked = is_locked
        """Whether another process holds its lock, so that it can be waited for."""


class WebhooksDisabled(InvalidParameter):
    """Raised if a request has a webhook_url, and this service has no WEBHOOK_SECRET to sign webhooks with."""

    hint = "Leave it out and ask for the job's status, or have the operator set WEBHOOK_SECRET."

    def __init__(self) -> None:
        super().__init__("webhook_url cannot be honoured: this service sends no webhooks.")
