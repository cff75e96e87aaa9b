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


class JobInterrupted(ApiError):
    """Raised if a job's process died, or lost its lease, too often while it ran."""

    code = "job_interrupted"
    status = 503
    hint = "Submit it again; the operator looks at why the process ended."

    def __init__(self) -> None:
        super().__init__("This job was interrupted again and again: each time the process that ran it ended.")


class JobUnreadable(ApiError):
    """Raised if a job cannot be run as it is stored, such as one that another version of this service accepted."""

    code = "job_unreadable"
    status = 500
    hint = "Submit it again."


class DatabaseUnavailable(ApiError):
    """Raised if the jobs' database cannot be reached, or is locked for too long. Its own words have addresses."""

    code = "database_unavailable"
    status = 503
    retry_after = 10

    def __init__(self, sentence: str = "The database of the jobs cannot be used now.") -> None:
        super().__init__(sentence)


class DatabaseLocked(DatabaseUnavailable):
    """Raised if another process holds the database's lock, so that it can be waited for."""


class TablesMissing(DatabaseUnavailable):
    """Raised if the database has no tables: its file was deleted or replaced under this process."""


class OutcomeUnknown(DatabaseUnavailable):
    """Raised if the database was lost while it committed, and has not told since whether it did."""

    def __init__(self, transaction_number: int | None = None) -> None:
        super().__init__(
            "The database of the jobs was lost at the last moment, so that it may or may not have taken this: list the"
            " jobs, or repeat the request with the same Idempotency-Key."
        )
        self.transaction_number = transaction_number
        """By which PostgreSQL can be asked whether it has committed."""


class WebhooksDisabled(InvalidParameter):
    """Raised if a request has a webhook_url, and this service has no WEBHOOK_SECRET to sign webhooks with."""

    hint = "Leave it out and ask for the job's status, or have the operator set WEBHOOK_SECRET."

    def __init__(self) -> None:
        super().__init__("webhook_url cannot be honoured: this service sends no webhooks.")
