"""For how long a call has nothing to hope for: the queue does not answer, or nothing takes its messages."""

import time

from image_api.dispatch.base import ReportProgress
from image_api.dispatch.cold_start import after_retries
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

    def note(self, problem: str | None) -> None:
        """Take note of a problem, if there is one. Raises WorkerUnavailable if there has been one for too long."""
        if problem is None:
            self._since = self._told = None
            return
        now = time.monotonic()
        self._since = now if self._since is None else self._since
        if now - self._since >= self._budget:
            raise WorkerUnavailable(after_retries(problem, now - self._since))
        if now - self._since >= QUIET_SECONDS and problem != self._told:
            self._told = problem
            self._report(Progress(phase="waking", message=problem))
