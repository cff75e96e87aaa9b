"""A lane: how an attempt stands to the one beside it."""

import asyncio
import time
from collections.abc import Callable

from render_worker.contract import Progress
from render_worker.generation.progress import OnProgress, ignore_progress


class Lane:
    """One attempt's lane: it leads, and so reports to the client, unless another one does. It belongs to the loop's
    thread.
    """

    def __init__(self) -> None:
        self.on_progress: OnProgress = ignore_progress
        self.on_overtaken: Callable[[], None] = lambda: None
        self.task: asyncio.Task[object] | None = None
        self.rival: Lane | None = None
        self.leads = True
        self.overtaken = False
        """Whether another attempt was first: this one is cancelled, and its end tells nothing of its engine."""
        self.latest: Progress | None = None
        self._begun: float | None = None

    def report(self, progress: Progress) -> None:
        """Report progress to the client, or keep it until the attempt leads."""
        self.latest = progress
        if self.leads:
            self.on_progress(progress)

    def announce(self, message: str) -> None:
        """Report what becomes of the attempts, in the phase that the client knows."""
        latest = self.latest or Progress(phase="starting", message=message)
        self.report(latest.model_copy(update={"message": message, "preview": None, "expected_seconds": None}))

    def begin(self) -> None:
        """Start the clock: the attempt has its slot."""
        self._begun = time.monotonic()

    @property
    def seconds(self) -> float | None:
        """Return the seconds since `begin`; None before."""
        return None if self._begun is None else time.monotonic() - self._begun

    @property
    def has_picture(self) -> bool:
        """Return whether the engine has done its part."""
        return self.latest is not None and self.latest.phase == "saving"

    def win(self) -> None:
        """Become the one whose picture is kept: the rival is cancelled. Raises CancelledError if that was first."""
        if self.overtaken:
            raise asyncio.CancelledError
        self.overtake()
        self.lead()

    def overtake(self) -> None:
        """Cancel the rival, if it still runs."""
        if self.rival and self.rival.task and not self.rival.task.done():
            self.rival.overtaken = True
            self.rival.task.cancel()
            self.rival.on_overtaken()

    def lead(self, message: str | None = None) -> None:
        """Report to the client from now on, in the rival's place, and first a message, or else what was the latest."""
        if self.rival:
            self.rival.leads = False
        if not self.leads:
            self.leads = True
            if message:
                self.announce(message)
            elif self.latest:
                self.on_progress(self.latest)
