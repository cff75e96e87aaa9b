"""The failures that services outside have in common."""

from typing import TYPE_CHECKING

from render_worker.contract import OutputFormat
from render_worker.errors import StorageFailed

if TYPE_CHECKING:
    from render_worker.storages.base import Storage

AT_ONCE = ("rate_limited", "timeout", "unreachable")  # the kinds of failure that another picture would only meet again


class ServiceFailed(StorageFailed):
    """Raised if a service outside did not do what was asked of it; the code says how."""

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
        self.trips_breaker = kind in AT_ONCE
        self.service_blocked = kind == "rate_limited"


def too_late(storage: "type[Storage]", seconds: float) -> ServiceFailed:
    """Return the failure of a service that took longer than it may."""
    return ServiceFailed(storage, "timeout", f"{storage.title} did not answer within {seconds:g} seconds.")


def unreachable(storage: "type[Storage]") -> ServiceFailed:
    """Return the failure of a service if there is no connection to it, or one that broke off."""
    return ServiceFailed(storage, "unreachable", f"{storage.title} cannot be reached.")


def too_much(storage: "type[Storage]") -> ServiceFailed:
    """Return the failure of a service that answered more than any of its results holds."""
    return ServiceFailed(storage, "unexpected_reply", f"{storage.title} answered far more than a result.")


def unsupported(storage: "type[Storage]", output_format: OutputFormat) -> ServiceFailed:
    """Return the failure of a service that takes no pictures of that format."""
    sentence = f"{storage.title} takes no {output_format} pictures."
    return ServiceFailed(storage, "unsupported_format", sentence, caused_by_request=True)
