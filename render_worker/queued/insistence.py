"""Calls of Redis that are repeated until it takes them, whatever becomes of it meanwhile."""

import logging
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from redis import RedisError

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.1, 2.0
LAST_SECONDS = 3.0  # of a process that is being stopped: its lease lapses, and the request is sent again

T = TypeVar("T")

log = logging.getLogger(__name__)


class GivenUp(Exception):
    """Raised if the process is being stopped and Redis has still not taken a call."""


class Insistence:
    """The calls of one Celery worker. Thread-safe."""

    def __init__(self, stopping: threading.Event) -> None:
        """End `stopping`'s calls LAST_SECONDS after it is set."""
        self._stopping = stopping

    def __call__(self, call: Callable[[], T]) -> T:
        """Return what the call returns, once Redis takes it. Raises GivenUp if the process is being stopped."""
        pause, end = FIRST_PAUSE_SECONDS, None
        while True:
            try:
                return call()
            except (RedisError, OSError) as error:  # whose text may have the address, and its password
                log.warning("Redis does not take a call, which is repeated: %s", type(error).__name__)
            if self._stopping.is_set():
                end = end or time.monotonic() + LAST_SECONDS
                if time.monotonic() >= end:
                    raise GivenUp
                time.sleep(pause)
            else:
                self._stopping.wait(pause)
            pause = min(LONGEST_PAUSE_SECONDS, 1.5 * pause)
