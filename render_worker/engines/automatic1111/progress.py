"""The server's progress, which is that of whatever it makes at the moment, for any of its clients."""

import math
from dataclasses import dataclass, field
from typing import Self

MAX_SECONDS = 24 * 3600
MAX_STEPS = 10_000


@dataclass(frozen=True)
class Look:
    """What the server says of the job that it does."""

    is_active: bool
    task: str | None
    """The job's id, if `names_tasks`."""
    names_tasks: bool
    """Whether the server says whose job it is: the web UI and Forge do, SD.Next and older ones do not."""
    was_interrupted: bool
    """Whether the job, or the last one if none is done, was interrupted or skipped: its picture is unfinished."""
    percent: int | None
    step: int | None
    total: int | None
    expected_seconds: int | None
    preview: str | None = field(repr=False)
    """The unfinished picture in base64."""

    @classmethod
    def of(cls, document: dict[str, object]) -> Self:
        """Return what a reply says, as far as it can be understood."""
        state = document.get("state")
        state = state if isinstance(state, dict) else {}
        task, image = document.get("current_task"), document.get("current_image")
        total = _number(state.get("sampling_steps"), 1, MAX_STEPS)
        step = None if total is None else _number(state.get("sampling_step"), 0, total)
        seconds = _number(document.get("eta_relative"), 0, MAX_SECONDS)
        share = _number(document.get("progress"), 0, 1)
        return cls(
            is_active=bool(_number(state.get("job_count"), -MAX_STEPS, MAX_STEPS)),  # -1 until the job is divided
            task=task if isinstance(task, str) else None,
            names_tasks="current_task" in document,
            was_interrupted=state.get("interrupted") is True or state.get("skipped") is True,
            percent=None if share is None else int(share * 100),
            step=None if step is None else int(step),
            total=None if total is None or step is None else int(total),
            expected_seconds=math.ceil(seconds) if seconds else None,
            preview=image if isinstance(image, str) else None,
        )


def _number(value: object, least: float, most: float) -> float | None:
    """Return a number within bounds; None if it is none."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and least <= value <= most else None  # type: ignore[operator,arg-type]


class Job:
    """A picture of ours at the server: which of its progress is ours, and whether it was interrupted."""

    def __init__(self, task: str, *, alone: bool) -> None:
        """`alone`: whether no other client's job, and no other of ours, can be there."""
        self.task = task
        self._alone = alone
        self.was_interrupted = False
        self.can_be_watched = True
        """Whether the server has progress to look at, as far as is known."""

    def is_ours(self, look: Look) -> bool | None:
        """Return whether what the server does is our picture; None if it does not say so."""
        if not look.is_active:
            return False
        if look.names_tasks:
            return look.task == self.task
        return True if self._alone else None

    def note(self, look: Look, *, is_done: bool = False) -> None:
        """Keep in mind whether our picture may have been interrupted; it is taken for that if the server does not say.

        The mark stays until the next job begins there: once ours `is_done`, an idle server's is that of ours.
        """
        if is_done:
            self.was_interrupted |= look.was_interrupted and not look.is_active
        elif self.is_ours(look) is not False:
            self.was_interrupted = look.was_interrupted
