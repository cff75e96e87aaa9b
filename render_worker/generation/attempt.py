"""One candidate's attempt at a request: its share of the time, and what it reports of the attempt before."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from render_worker.contract import GenerateRequest
from render_worker.engines.base import Engine
from render_worker.errors import PhaseTimeout, WorkerError
from render_worker.generation.lane import Lane
from render_worker.generation.movable_deadline import MovableDeadline
from render_worker.generation.selection import Candidate, Selection
from render_worker.runtime import CLEAN_UP_SECONDS
from render_worker.serving.deadline import Deadline

if TYPE_CHECKING:
    from render_worker.imaging import SentImage

RESERVE = 1.5  # times its p90, is what an engine should have
SAVING_SECONDS = 2.0


@dataclass(frozen=True)
class Attempt:
    """One candidate's attempt at a request."""

    selection: Selection
    candidate: Candidate
    fallbacks: tuple[Candidate, ...]
    """The candidates after it."""
    request_deadline: MovableDeadline
    deadline: Deadline | None
    """By when it must end; None if there is no other candidate (the request's deadline applies)."""
    image: "SentImage | None" = None
    """What the picture begins with, if anything."""
    lane: Lane = field(default_factory=Lane)
    """How it stands to an attempt beside it, if there is one."""

    @property
    def request(self) -> GenerateRequest:
        """Return the request as the client sent it."""
        return self.selection.request

    @property
    def engine(self) -> Engine:
        """Return the candidate's engine."""
        return self.candidate.engine

    @property
    def time_left(self) -> float:
        """Return the seconds until it must end."""
        remaining = self.request_deadline.remaining
        return remaining if self.deadline is None else min(remaining, self.deadline.remaining)

    @property
    def slot_deadline(self) -> Deadline | None:
        """Return the deadline for acquiring a slot: the attempt's minus 1.5 x p90, unless it is the last candidate."""
        if self.deadline is None or not self.fallbacks:
            return self.deadline
        return self.deadline.later_by(-self.candidate.slot_seconds * RESERVE)

    def fallback_message(self) -> str | None:
        """Return what the client is told at the beginning of a fallback; None if this is the first attempt."""
        before = self.selection.last_failure
        if before is None:
            return None
        return f"{before.candidate.engine.name} cannot make it now ({before.error.code}); asking {self.engine.name}."

    def timeout_error(self) -> PhaseTimeout:
        """Return the error of an engine that does not make the picture by the deadline."""
        allowed = "its share of the request's time" if self.fallbacks else "the request's time allows"
        return PhaseTimeout(f"{self.engine.name} took longer than {allowed}.")

    def failed(self, error: WorkerError) -> None:
        """Record that the attempt failed, so that the selection moves on."""
        self.selection.record_failure(self.candidate, error)

    def next(self) -> "Attempt | None":
        """Return the attempt of the candidate after this one; None if the selection is over."""
        return _next_attempt(self.selection, self.request_deadline, self.image)


def sent_image(request: GenerateRequest) -> "SentImage | None":
    """Return the image that a request starts from; None if it has none."""
    if not request.image:
        return None
    from render_worker.imaging import SentImage  # Pillow is not imported before the first picture

    return SentImage(request.image_data)


def attempts(selection: Selection, deadline: MovableDeadline, image: "SentImage | None" = None) -> Iterator[Attempt]:
    """Yield an attempt for each candidate until the selection is over; each must have `failed` before the next."""
    while attempt := _next_attempt(selection, deadline, image):
        yield attempt


def _next_attempt(selection: Selection, deadline: MovableDeadline, image: "SentImage | None") -> Attempt | None:
    candidate = selection.next_candidate()
    if candidate is None:
        return None
    own = _deadline(selection, deadline.remaining)
    return Attempt(selection, candidate, selection.remaining, deadline, own, image)


def _deadline(selection: Selection, remaining: float) -> Deadline | None:
    """Return the deadline of an attempt that begins with so many seconds remaining of the request's time.

    One with fallbacks leaves them what they are expected to need, but gets an equal share at least. The last of several
    ends before the request does: it withdraws what it asked for, and the error can name all of them.
    """
    if selection.is_single:
        return None
    fallbacks = selection.remaining
    if not fallbacks:
        return Deadline.after(remaining - min(CLEAN_UP_SECONDS, remaining / 10))
    needed = sum(candidate.slot_seconds * RESERVE + SAVING_SECONDS for candidate in fallbacks)
    return Deadline.after(max(remaining - needed, remaining / (len(fallbacks) + 1)))
