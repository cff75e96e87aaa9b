"""A reply with its body unread: what the library requests returns, and what a render worker's connection does."""

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Protocol, Self

from urllib3.response import BaseHTTPResponse


class Reply(Protocol):
    """The head of a reply, and the connection that its body comes by."""

    @property
    def status_code(self) -> int:
        """Return its status."""

    @property
    def headers(self) -> Mapping[str, str]:
        """Return its headers, by names in any case."""

    @property
    def raw(self) -> Any:
        """Return what its body is read from: urllib3's response."""

    def close(self) -> None:
        """Close the connection, unless the whole body was read."""


class WorkerReply:
    """A reply to a request that was sent by urllib3; it is closed when its context ends."""

    __slots__ = ("headers", "raw", "status_code")

    def __init__(self, raw: BaseHTTPResponse) -> None:
        self.raw = raw
        self.status_code = raw.status
        self.headers: Mapping[str, str] = raw.headers

    def close(self) -> None:
        """Close the connection, unless the whole body was read."""
        self.raw.close()
        self.raw.release_conn()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
