"""The errors of storages.

WorkerError
├── StorageNotConfigured        500 storage_not_configured
├── DeletionUnsupported         409 deletion_unsupported
└── UpstreamError
    └── StorageFailed           502 storage_failed
        ├── StorageCircuitOpen  502 storage_resting
        └── ServiceFailed       502 the service's name and the kind of failure, like s3_timeout
"""

from typing import TYPE_CHECKING

from render_worker.contract import StoredFormat
from render_worker.errors import UpstreamError, WorkerError

if TYPE_CHECKING:
    from render_worker.storages.base import Storage

TRIPPING_KINDS = ("rate_limited", "timeout", "unreachable")  # another picture would only meet the same


class StorageNotConfigured(WorkerError):
    """Raised if a storage that STORAGE names lacks its settings."""

    code = "storage_not_configured"
    hint = "Set it in the render worker's environment, or leave STORAGE unset to keep pictures locally."


class DeletionUnsupported(WorkerError):
    """Raised if a picture is to be deleted by its name, and the storage that may have it deletes by no name."""

    code = "deletion_unsupported"
    status = 409
    hint = "python -m render_worker.delete imgur:DELETEHASH:NAME deletes it, with the deletehash of the worker's log."

    def __init__(self) -> None:
        super().__init__(
            "No storage had this picture but perhaps Imgur, which deletes only by a deletehash; it is not made again."
        )


class StorageFailed(UpstreamError):
    """Raised if a storage, or every storage, fails to keep the picture."""

    code = "storage_failed"
    status = 502


class StorageCircuitOpen(StorageFailed):
    """Raised if a storage's circuit breaker is open."""

    code = "storage_resting"


class ServiceFailed(StorageFailed):
    """Raised if a service does not do what it is asked for; the code has its name and the kind of failure."""

    def __init__(
        self,
        storage: "type[Storage]",
        kind: str,
        sentence: str,
        retry_after: int | None = None,
        *,
        caused_by_request: bool = False,
    ) -> None:
        super().__init__(sentence, retry_after)
        self.code = f"{storage.name}_{kind}"
        self.caused_by_request = caused_by_request
        self.trips_breaker = kind in TRIPPING_KINDS
        self.service_blocked = kind == "rate_limited"


def timed_out(storage: "type[Storage]", seconds: float) -> ServiceFailed:
    """Return the error of a service that took longer than `seconds`."""
    return ServiceFailed(storage, "timeout", f"{storage.title} did not answer within {seconds:g} seconds.")


def unreachable(storage: "type[Storage]") -> ServiceFailed:
    """Return the error of a service if no connection can be made, or if it breaks off."""
    return ServiceFailed(storage, "unreachable", f"{storage.title} cannot be reached.")


def too_large_reply(storage: "type[Storage]") -> ServiceFailed:
    """Return the error of a service that sent more than any of its results holds."""
    return ServiceFailed(storage, "unexpected_reply", f"{storage.title} answered far more than a result.")


def unsupported_format(storage: "type[Storage]", output_format: StoredFormat) -> ServiceFailed:
    """Return the error of a service that accepts no pictures of that format."""
    sentence = f"{storage.title} takes no {output_format} pictures."
    return ServiceFailed(storage, "unsupported_format", sentence, caused_by_request=True)
