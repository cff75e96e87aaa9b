"""The rules by which lost messages, and lost attempts, are told from those that only take their time."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from image_api.dispatch.queued.request_states import RequestState
from render_worker.contract import LEASE_SECONDS
from render_worker.serving.deadline import Clock, Deadline

RESEND_SECONDS = 5.0
"""After which a message that nothing has come of may be lost."""


@dataclass(frozen=True)
class OpenRequest:
    """A request that has no end yet."""

    id: str
    attempt: int
    waited: float
    """Seconds since it was last published."""
    queue: str | None
    """None if no Celery worker has told of its model."""


@dataclass(frozen=True)
class Found:
    """What a look at a request has shown."""

    request: OpenRequest
    what: Literal["ended", "lost", "unsent", "running", "queued"]
    """`unsent`: its message is lost and to be sent again; `lost`: what made it is gone, which takes a new attempt."""
    attempt: int
    """The number of its latest attempt; 0 if Redis does not know one."""


class Losses:
    """The rules, with what earlier looks have shown. One caller at a time.

    Redis may lose its memory, or come back from an absence in which no lease could be renewed: for LEASE_SECONDS from
    then, nothing counts as lost. A request is lost if two looks in a row have shown it begun with neither lease nor
    end. A message is lost if its request is unknown to Redis, or known by a lost attempt before it alone, if its queue
    is empty, if Redis is a new one, or if one that was published well after it has begun.
    """

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._identity: str | None = None
        self._new_at = -1e18  # when the Redis was first seen that there is now, if it took the place of another
        self._quiet = Deadline.after(LEASE_SECONDS, clock)
        self._suspects: dict[str, int] = {}
        self._begun_at: dict[str, float] = {}

    def note_absence(self) -> None:
        """Take note that Redis does not answer."""
        self._quiet = Deadline.after(LEASE_SECONDS, self._clock)
        self._suspects.clear()

    def note_identity(self, identity: str) -> None:
        """Take note of which Redis there is, with which memory: another one gets time as if it had been away."""
        if self._identity not in (None, identity):
            self._new_at = self._clock()
            self.note_absence()
        self._identity = identity

    def judge(
        self, requests: Sequence[OpenRequest], states: Sequence[RequestState], lengths: Mapping[str, int]
    ) -> list[Found]:
        """Return what the states of requests mean. A queue that is missing in `lengths` counts as not empty."""
        pairs = list(zip(requests, states, strict=True))
        for request, state in pairs:
            if request.queue and state.status in ("running", "ended"):
                published = self._clock() - request.waited
                self._begun_at[request.queue] = max(published, self._begun_at.get(request.queue, published))
        before, self._suspects = self._suspects, {}
        return [Found(request, self._what(request, state, before, lengths), state.attempt) for request, state in pairs]

    def _what(
        self, request: OpenRequest, state: RequestState, before: Mapping[str, int], lengths: Mapping[str, int]
    ) -> Literal["ended", "lost", "unsent", "running", "queued"]:
        if state.status in ("ended", "running"):
            return "ended" if state.status == "ended" else "running"
        if state.status == "lost" and state.attempt >= request.attempt:
            if not self._quiet.expired:
                return "running"
            self._suspects[request.id] = state.attempt
            return "lost" if before.get(request.id) == state.attempt else "running"
        return "unsent" if self._is_unsent(request, state, lengths) else "queued"

    def _is_unsent(self, request: OpenRequest, state: RequestState, lengths: Mapping[str, int]) -> bool:
        if request.waited < RESEND_SECONDS or not self._quiet.expired:
            return False
        published = self._clock() - request.waited
        return (
            state.status != "queued"
            or published < self._new_at
            or (request.queue is not None and self._is_overtaken(request.queue, published, lengths))
        )

    def _is_overtaken(self, queue: str, published: float, lengths: Mapping[str, int]) -> bool:
        """Return whether a queue has nothing more of what was published then."""
        return lengths.get(queue) == 0 or published + RESEND_SECONDS <= self._begun_at.get(queue, published)
