"""For how long a call has nothing to hope for: the queue does not answer, or nothing takes its messages."""

import time

from image_api.dispatch.base import ReportProgress
from image_api.dispatch.cold_start import after_retries
from image_api.dispatch.queued.failures import Trouble
from image_api.errors import WorkerUnavailable
from render_worker.contract import Progress

QUIET_SECONDS = 0.3  # before an absence is told


class Absence:
    """The absence that one call sees, within its budget of seconds."""

    def __init__(self, budget: float, report: ReportProgress) -> None:
        self._budget = budget
        self._report = report
        self._since: float | None = None
        self._told: str | None = None

    def note(self, trouble: Trouble | None) -> None:
        """Take note of a trouble, if there is one. Raises WorkerUnavailable if there has been one for too long."""
        if trouble is None:
            self._since = self._told = None
            return
        self._since = trouble.since if self._since is None else min(self._since, trouble.since)
        seconds = time.monotonic() - self._since
        if seconds >= self._budget:
            raise WorkerUnavailable(after_retries(trouble.problem, seconds))
        if seconds >= QUIET_SECONDS and trouble.problem != self._told:
            self._told = trouble.problem
            self._report(Progress(phase="waking", message=trouble.problem))
