"""Progress of one request's generation, as it is reported to its client."""

import logging
import time
from collections.abc import Callable

from render_worker.contract import Phase, Progress
from render_worker.generation.latency import Latencies

OnProgress = Callable[[Progress], None]
"""Called on the loop's thread with each change of progress; it must not block."""

MESSAGES: dict[Phase, str] = {
    "queued": "Waiting for a free place.",
    "starting": "Getting ready.",
    "verifying": "Showing the site who asks.",
    "generating": "Making the picture.",
    "downloading": "Downloading the picture.",
    "saving": "Keeping the picture.",
}

log = logging.getLogger(__name__)


def ignore_progress(_: Progress) -> None:
    """Do nothing, for a client that wants nothing but the result."""


class ProgressReporter:
    """Turns what the queue, the engine and the pipeline report into Progress, and leaves out repetitions."""

    def __init__(self, request_id: str, engine: str, slots: int, latencies: Latencies, on_progress: OnProgress) -> None:
        self._request_id = request_id
        self._engine = engine
        self._slots = slots
        self._latencies = latencies
        self._on_progress = on_progress
        self._begun = 0.0
        self._last: Progress | None = None
        self.setbacks = 0

    def queued(self, position: int) -> None:
        """Report the request's position in the queue, 1 for the next."""
        expected = self._latencies.seconds_to_picture(self._engine, position, self._slots)
        message = f"Waiting for a free place, as number {position} in the queue."
        self._emit(Progress(phase="queued", message=message, position=position), expected)

    def begin(self) -> None:
        """Start the clock of the picture's latency: the request has its slot."""
        self._begun = time.monotonic()

    @property
    def seconds(self) -> float:
        """Return the seconds since `begin`."""
        return time.monotonic() - self._begun

    def __call__(
        self,
        phase: Phase,
        message: str | None = None,
        *,
        percent: int | None = None,
        step: int | None = None,
        total: int | None = None,
        position: int | None = None,
        expected_seconds: int | None = None,
    ) -> None:
        """Report a phase, as `engines.base.Reporter` says."""
        message = message or MESSAGES[phase]
        progress = Progress(phase=phase, message=message, percent=percent, step=step, total=total, position=position)
        usual = self._latencies.seconds_remaining(self._engine, self.seconds)
        self._emit(progress, usual if expected_seconds is None else expected_seconds)

    def setback(self, sentence: str) -> None:
        """Log a setback, as `engines.base.Reporter` says."""
        self.setbacks += 1
        log.warning("%s %s", self._request_id, sentence)

    def _emit(self, progress: Progress, expected: int | None) -> None:
        if progress == self._last:
            return
        self._last = progress
        log.debug("%s %s: %s", self._request_id, progress.phase, progress.message)
        self._on_progress(progress.model_copy(update={"expected_seconds": expected}))
