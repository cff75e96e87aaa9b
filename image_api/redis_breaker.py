"""The circuit breaker before Redis, by which a Redis that hangs delays one request and not each."""

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from redis import RedisError, ResponseError

from render_worker.serving.deadline import Deadline

OPEN_SECONDS = 2.0  # after a timeout, as each request would wait for the next

log = logging.getLogger(__name__)
T = TypeVar("T")


class RedisBreaker:
    """Open for OPEN_SECONDS after a call without a reply. All that use one Redis share it. Thread-safe."""

    def __init__(self) -> None:
        self._open = Deadline.after(0)
        self._away_since: float | None = None
        self._refusals: set[str] = set()

    def call(self, command: Callable[[], T], fallback: T) -> T:
        """Return what Redis replies, `fallback` if the breaker is open or if the command fails."""
        if not self._open.expired:
            return fallback
        try:
            reply = command()
        except ResponseError as error:  # it replies, and refuses this: full, read-only, another type
            self._log_refusal(type(error).__name__)
            return fallback
        except (RedisError, OSError) as error:
            self._trip(type(error).__name__)
            return fallback
        self._close()
        return reply

    def _log_refusal(self, error: str) -> None:
        if error not in self._refusals:
            self._refusals.add(error)
            log.warning("Redis refused a command, continuing without it: %s", error)

    def _trip(self, error: str) -> None:
        self._open = Deadline.after(OPEN_SECONDS)
        if self._away_since is None:
            self._away_since = time.monotonic()
            log.warning("Redis does not respond, continuing without it: %s", error)

    def _close(self) -> None:
        if (since := self._away_since) is not None:
            self._away_since = None
            log.info("Redis responds again after %.0f seconds", time.monotonic() - since)
