"""The latest pictures of a Celery worker, of which a Redis that has lost its memory is told again."""

import logging
import secrets
import time
from collections import deque
from dataclasses import dataclass
from threading import Lock
from typing import Any

from redis import Redis

from render_worker.contract import MEMORY, ErrorLine, ResultLine
from render_worker.queued.claims import Claim, Claims
from render_worker.queued.periodic import Periodic
from render_worker.serving.deadline import Clock

LOOK_SECONDS = 1.0
REMEMBERED_SECONDS = 60.0  # in which a result is read, unless the API tier is down as well
MAX_REMEMBERED = 1000  # some kilobytes each

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Made:
    claim: Claim
    line: ResultLine
    at: float


class Endings:
    """How requests ended. Thread-safe.

    A result that Redis loses before it is read, as by FLUSHALL, would cost another picture. A failure costs nothing,
    and told again it could be taken for that of a later attempt.
    """

    def __init__(self, redis: Redis, claims: Claims, clock: Clock = time.monotonic) -> None:
        self._redis = redis
        self._claims = claims
        self._clock = clock
        self._latest: deque[_Made] = deque(maxlen=MAX_REMEMBERED)
        self._identity: str | None = None
        self._lock = Lock()
        self.thread = Periodic("endings", LOOK_SECONDS, self.repeat)

    def finish(self, claim: Claim, line: ResultLine | ErrorLine) -> None:
        """Write how a request ended, and remember a picture. Raises redis.RedisError if Redis does not take it."""
        self._claims.finish(claim, line)
        if isinstance(line, ResultLine):
            with self._lock:
                self._latest.append(_Made(claim, line, self._clock()))

    def repeat(self) -> None:
        """Write the latest results again if Redis has lost its memory since the last call.

        Raises redis.RedisError if Redis does not take them; then the next call writes them.
        """
        identity = self._present_identity()
        if self._identity not in (None, identity):
            pictures = self._remembered()
            log.warning("Redis has lost its memory: it is told again of %d pictures", len(pictures))
            for made in pictures:
                self._claims.finish(made.claim, made.line)
        self._identity = identity

    def _remembered(self) -> list[_Made]:
        since = self._clock() - REMEMBERED_SECONDS
        with self._lock:
            return [it for it in self._latest if it.at >= since]

    def _present_identity(self) -> str:
        """Return what is another one once Redis has lost its memory: the API tier looks at the same."""
        with self._redis.pipeline() as pipeline:
            pipeline.set(MEMORY, secrets.token_hex(8), nx=True)
            pipeline.get(MEMORY)
            replies: list[Any] = pipeline.execute()
        return str(replies[1].decode())
