"""What the render worker last said, for as long as that is recent: known without a request, so it wakes no worker."""

import contextlib
import threading
from collections.abc import Iterator
from typing import TypeVar

from pydantic import BaseModel

from render_worker.serving.deadline import Deadline

RECENT_SECONDS = 60.0
# A platform puts a worker to sleep that had no request for 15 minutes (render.com/docs/free): in the first of them
# another request wakes none.
AWAKE_SECONDS = 300.0

M = TypeVar("M", bound=BaseModel)


class RecentContact:
    """The replies of the last minute, and whether the worker is surely awake. Thread-safe."""

    def __init__(self) -> None:
        self._replies: dict[type[BaseModel], tuple[Deadline, BaseModel]] = {}
        self._recent = self._awake = Deadline.after(0)
        self._reached = False
        self._observer = threading.local()

    @property
    def is_awake(self) -> bool:
        """Return whether the worker answered a client's request so short a time ago that it cannot sleep."""
        return self._reached and not self._awake.expired

    @property
    def reached(self) -> bool | None:
        """Return whether the worker was reached at the last contact; None if that was more than a minute ago."""
        return None if self._recent.expired else self._reached

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

    def reply(self, model: type[M]) -> M | None:
        """Return the worker's reply of that type; None if there was none in the last minute."""
        until, found = self._replies.get(model, (None, None))
        return found if until and not until.expired and isinstance(found, model) else None
