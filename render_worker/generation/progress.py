"""What one request's caller is told while his picture is made."""

import logging
import time
from collections.abc import Callable

from render_worker.contract import Phase, Progress
from render_worker.generation.latency import Latencies

OnProgress = Callable[[Progress], None]
"""Called on the loop's thread with each news; it must not wait."""

MESSAGES: dict[Phase, str] = {
    "queued": "Waiting for a free place.",
    "starting": "Getting ready.",
    "verifying": "Showing the site who asks.",
    "generating": "Making the picture.",
    "downloading": "Downloading the picture.",
    "saving": "Keeping the picture.",
}

log = logging.getLogger(__name__)


def nobody(_: Progress) -> None:
    """In place of a caller who wants to know nothing but the result."""


class Reporter:
    """Makes Progress of what the queue, the engine and the pipeline say; what changes nothing is not told again."""

    def __init__(self, request_id: str, engine: str, slots: int, durations: Latencies, tell: OnProgress) -> None:
        self._request_id = request_id
        self._engine = engine
        self._places = slots
        self._durations = durations
        self._tell = tell
        self._begun = 0.0
        self._last: Progress | None = None
        self.setbacks = 0

    def queued(self, position: int) -> None:
        """Tell the request's place in the queue."""
        expected = self._durations.until_done(self._engine, position, self._places)
        message = f"Waiting for a free place, as number {position} in the queue."
        self._send(Progress(phase="queued", message=message, position=position), expected)

    def begin(self) -> None:
        """From now on the picture is worked on."""
        self._begun = time.monotonic()

    @property
    def seconds(self) -> float:
        """How long the picture has been worked on."""
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
        """Tell what the work has come to, as `engines.base.Report` says."""
        message = message or MESSAGES[phase]
        progress = Progress(phase=phase, message=message, percent=percent, step=step, total=total, position=position)
        usual = self._durations.left(self._engine, self.seconds)
        self._send(progress, usual if expected_seconds is None else expected_seconds)

    def setback(self, sentence: str) -> None:
        """Log what went wrong on the way, as `engines.base.Report` says."""
        self.setbacks += 1
        log.warning("%s %s", self._request_id, sentence)

    def _send(self, progress: Progress, expected: int | None) -> None:
        if progress == self._last:
            return
        self._last = progress
        log.debug("%s %s: %s", self._request_id, progress.phase, progress.message)
        self._tell(progress.model_copy(update={"expected_seconds": expected}))
