"""Progress of one request's generation, as it is reported to its client."""

import asyncio
import logging
import math
import time
from collections.abc import Callable, Sequence

from render_worker.contract import Phase, Progress
from render_worker.generation.latency import Latencies, seconds_overdue

OnProgress = Callable[[Progress], None]
"""Called on the loop's thread with each change of progress; it must not block."""

NEWS_SECONDS = 1.0
PREVIEW_PAUSE_SECONDS = 0.5  # between two previews; a service may send one for each step
NEWS_SHARE = 0.25  # of the time that is expected

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

    def __init__(
        self,
        request_id: str,
        engine: str,
        latencies: Latencies,
        on_progress: OnProgress,
        *,
        usual: float = 0.0,
        slots: Callable[[], Sequence[float]] = lambda: (0.0,),
        wants_previews: bool = False,
        time_left: Callable[[], float] = lambda: math.inf,
    ) -> None:
        """Report of an engine whose pictures take about `usual` seconds if none was made lately.

        `slots` returns the seconds until each slot is free that the request waits for, `time_left` those until the
        attempt's deadline.
        """
        self._request_id = request_id
        self._engine = engine
        self._latencies = latencies
        self._on_progress = on_progress
        self._usual = usual
        self._slots = slots
        self._time_left = time_left
        self._begun: float | None = None
        self._expected_end = 0.0  # of the monotonic clock, as the client was last told
        self._last: Progress | None = None
        self.setbacks = 0
        self.wants_previews = wants_previews
        self._next_preview = 0.0

    def queued(self, position: int) -> None:
        """Report the request's position in the queue, 1 for the next; again if it takes longer than was expected."""
        expected = self._latencies.seconds_to_picture(self._engine, position, self._slots())
        message = f"Waiting for a free place, as number {position} in the queue."
        self._emit(Progress(phase="queued", message=message, position=position), expected)

    def begin(self) -> None:
        """Start the clock of the picture's latency: the request has its slot."""
        self._begun = time.monotonic()
        self._expected_end = 0.0

    @property
    def is_saving(self) -> bool:
        """Return whether the engine has done its part."""
        return self._last is not None and self._last.phase == "saving"

    @property
    def is_downloading(self) -> bool:
        """Return whether the engine said last that its service has made the picture."""
        return self._last is not None and self._last.phase == "downloading"

    @property
    def seconds(self) -> float:
        """Return the seconds since `begin`, 0 before."""
        return 0.0 if self._begun is None else time.monotonic() - self._begun

    @property
    def remaining(self) -> float:
        """Return the seconds for which the request is likely to hold its slot yet; those behind it wait for that.

        It is what its client was told or what recent pictures took, if that is more; never 0.
        """
        elapsed = self.seconds
        recorded = self._latencies.seconds_remaining(self._engine, elapsed)
        told = 0.0 if self._begun is None else self._expected_end - time.monotonic()
        expected = max(told, recorded or 0.0)
        if expected <= 0 and self._latencies.p50(self._engine) is None:
            expected = self._usual - elapsed
        return expected if expected > 0 else seconds_overdue(elapsed)

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
        recorded = self._latencies.seconds_remaining(self._engine, self.seconds)
        self._emit(progress, recorded if expected_seconds is None else expected_seconds)

    async def preview(self, data: bytes) -> None:
        """Report the unfinished picture, as `engines.base.Reporter` says; one that comes too soon is left out."""
        if not self.wants_previews or self._last is None or time.monotonic() < self._next_preview:
            return
        self._next_preview = time.monotonic() + PREVIEW_PAUSE_SECONDS
        from render_worker.imaging import preview_url  # Pillow is not imported before the first picture

        shown = await asyncio.to_thread(preview_url, data)
        if shown and not self.is_saving:
            told = math.ceil(self._expected_end - time.monotonic())  # as the engine may know it better than its past
            recorded = self._latencies.seconds_remaining(self._engine, self.seconds)
            self._emit(self._last.model_copy(update={"preview": shown}), told if told > 0 else recorded)

    @property
    def time_left(self) -> float:
        """Return the seconds until the attempt's deadline, as `engines.base.Reporter` says."""
        return self._time_left()

    def setback(self, sentence: str) -> None:
        """Log a setback, as `engines.base.Reporter` says."""
        self.setbacks += 1
        log.warning("%s %s", self._request_id, sentence)

    def _emit(self, progress: Progress, expected: int | None) -> None:
        if progress == self._last and not self._is_later(expected):
            return
        self._last = progress
        if expected is not None:
            self._expected_end = time.monotonic() + expected
        log.debug("%s %s: %s", self._request_id, progress.phase, progress.message)
        self._on_progress(progress.model_copy(update={"expected_seconds": expected}))

    def _is_later(self, expected: int | None) -> bool:
        """Return whether the picture is expected later than the client was told, by so much that it is news."""
        if expected is None:
            return False
        later = time.monotonic() + expected - self._expected_end
        return later > max(NEWS_SECONDS, expected * NEWS_SHARE)
