"""Whether jobs can be accepted: what a check of their database shows, within a moment also while it hangs."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from image_api.errors import ApiError
from image_api.jobs.job import Queue
from image_api.shared_check import SharedCheck

DatabaseStatus = Literal["up", "locked", "down", "not_in_use"]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class DatabaseState:
    """The state of the jobs' database, and of their queue if it could be read."""

    status: DatabaseStatus
    queue: Queue | None = None


class DatabaseHealth:
    """Checks the jobs' database for all clients together, by a read and by a write that leaves nothing.

    Thread-safe.
    """

    def __init__(self, read: Callable[[], Queue], write: Callable[[], object], in_use: Callable[[], bool]) -> None:
        self._read = SharedCheck(read)
        self._write = SharedCheck(write)
        self._in_use = in_use

    def begin(self) -> None:
        """Begin the checks, for which `state` waits. A database that no job has needed yet stays unopened."""
        if self._in_use():
            self._read.begin()
            self._write.begin()

    def state(self) -> DatabaseState:
        """Return what the checks have shown."""
        if not self._in_use():
            return DatabaseState("not_in_use")
        read = self._read.result()
        if read.value is None:
            _log_fault(read.error)
            return DatabaseState("down")
        return DatabaseState(self._status_of_writing(), read.value)

    def _status_of_writing(self) -> DatabaseStatus:
        write = self._write.result()
        if write.error:
            _log_fault(write.error)
            return "down"
        if write.value is not None:
            return "up"
        # A lock is waited for by whatever writes, for as long as that check: only then it is refused.
        return "down" if self._write.last.error else "locked"


def _log_fault(error: Exception | None) -> None:
    if error and not isinstance(error, ApiError):
        log.error("the check of the jobs' database failed", exc_info=error)
