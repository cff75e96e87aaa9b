"""What the render worker last said, for as long as that is recent: known without a request, so it wakes no worker."""

import contextlib
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from pydantic import BaseModel

from render_worker.serving.deadline import Deadline

RECENT_SECONDS = 60.0
# A platform puts a worker to sleep that had no request for 15 minutes (render.com/docs/free): in the first of them
# another request wakes none.
AWAKE_SECONDS = 300.0
# Of the last known states, the best first; another word of a newer worker is no worse than "reachable".
STATES = ("ready", "reachable", "busy", "degraded", "starting", "unreachable")

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True)
class LastKnown:
    """The worker's state at the last contact, and when that was (UTC)."""

    status: str
    at: str


def best_of(known: Iterable[LastKnown]) -> LastKnown | None:
    """Return the best state, the newest of several that are equal; None if there is none."""
    newest_first = sorted(known, key=lambda it: it.at, reverse=True)
    return min(newest_first, key=lambda it: STATES.index(it.status) if it.status in STATES else 1, default=None)


class RecentContact:
    """The replies of the last minute, and whether the worker is surely awake. Thread-safe.

    `wake_seconds` is how long a cold start may take.
    """

    def __init__(self, wake_seconds: float) -> None:
        self._wake_seconds = wake_seconds
        self._replies: dict[type[BaseModel], tuple[Deadline, BaseModel]] = {}
        self._last: dict[type[BaseModel], BaseModel] = {}
        self._recent = self._awake = self._sleepless = self._waking = Deadline.after(0)
        self._reached: bool | None = None
        self._observer = threading.local()
        self._awaited = 0
        self._lock = threading.Lock()

    @property
    def is_awake(self) -> bool:
        """Return whether the worker answered a client's request so short a time ago that it cannot sleep."""
        return bool(self._reached) and not self._awake.expired

    @property
    def is_lost(self) -> bool:
        """Return whether the last contact failed, however long ago."""
        return self._reached is False

    @property
    def is_down(self) -> bool:
        """Return whether it is lost and no cold start explains that.

        It answered so short a time before that it did not sleep, or it is lost for longer than a cold start takes.
        """
        return self.is_lost and self._waking.expired

    @property
    def reached(self) -> bool | None:
        """Return whether the worker was reached at the last contact; None if that was more than a minute ago."""
        return None if self._recent.expired else self._reached

    @property
    def is_awaited(self) -> bool:
        """Return whether a request is on its way that the worker has not answered: it wakes one that sleeps."""
        return self._awaited > 0

    @contextlib.contextmanager
    def awaiting(self) -> Iterator[None]:
        """Count a request that is sent in this context, and answered at its end."""
        with self._lock:
            self._awaited += 1
        try:
            yield
        finally:
            with self._lock:
                self._awaited -= 1

    @contextlib.contextmanager
    def observing(self) -> Iterator[None]:
        """Have no contact of this thread in this context count as one that keeps the worker awake."""
        self._observer.is_here = True
        try:
            yield
        finally:
            self._observer.is_here = False

    def note(self, *, reached: bool) -> None:
        """Take note of a contact. What was said before holds no longer if the worker is out of reach."""
        if reached:
            self._sleepless = Deadline.after(AWAKE_SECONDS)
        elif not self.is_lost:
            self._waking = Deadline.after(self._wake_seconds if self._sleepless.expired else 0)
        self._reached = reached
        self._recent = Deadline.after(RECENT_SECONDS)
        if not getattr(self._observer, "is_here", False):
            self._awake = Deadline.after(AWAKE_SECONDS)
        if not reached:
            self._replies = {}

    def age(self, model: type[BaseModel]) -> float:
        """Return how many seconds ago the worker's reply of that type came; 0 if there is none."""
        until, _ = self._replies.get(model, (None, None))
        return RECENT_SECONDS - until.remaining if until else 0.0

    def keep(self, reply: BaseModel) -> None:
        """Keep a reply for a minute."""
        self._replies[type(reply)] = Deadline.after(RECENT_SECONDS), reply
        self._last[type(reply)] = reply

    def last(self, model: type[M]) -> M | None:
        """Return the worker's last reply of that type, however old; None if there was none."""
        found = self._last.get(model)
        return found if isinstance(found, model) else None

    def reply(self, model: type[M]) -> M | None:
        """Return the worker's reply of that type; None if there was none in the last minute."""
        until, found = self._replies.get(model, (None, None))
        return found if until and not until.expired and isinstance(found, model) else None
