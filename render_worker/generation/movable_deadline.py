"""The deadline of a generation that an idempotent retry replaces by its own."""

from render_worker.serving.deadline import Deadline


class MovableDeadline:
    """The deadline of the latest of several requests that wait for the same generation."""

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline

    def move_to(self, deadline: Deadline) -> None:
        """Put a later request's deadline in place of the one before."""
        self._deadline = deadline

    @property
    def remaining(self) -> float:
        """Return the seconds that the latest request may still take, 0 if its deadline has expired."""
        return self._deadline.remaining
