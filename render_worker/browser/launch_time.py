"""How long the launch in flight is likely to take yet."""

import time

TYPICAL_SECONDS = 5.0  # before the first launch here: half a second of two cores, eight of a tenth of one
OVERDUE_SHARE = 0.25  # of the time that it took; so the estimate never ends before the launch does


class LaunchTime:
    """The time of the launch in flight, by that of the last one of this process."""

    def __init__(self) -> None:
        self._began: float | None = None
        self._expected = TYPICAL_SECONDS

    def begin(self) -> None:
        """Start the clock: a launch begins."""
        self._began = time.monotonic()

    def end(self, *, launched: bool) -> None:
        """Stop it; `launched`: whether there is a browser now, so that the next launch is expected to take as long."""
        if launched and self._began is not None:
            self._expected = time.monotonic() - self._began
        self._began = None

    @property
    def remaining(self) -> float:
        """Return the seconds that the launch in flight is likely to take yet; 0 if there is none."""
        if self._began is None:
            return 0.0
        elapsed = time.monotonic() - self._began
        return max(self._expected - elapsed, 1.0, elapsed * OVERDUE_SHARE)
