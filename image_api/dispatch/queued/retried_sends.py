"""Sends that are repeated while the queue does not answer: by few threads, however many wait."""

import logging
import threading
from collections import deque
from collections.abc import Callable

from image_api.dispatch.queued.failures import QueueUnavailable
from image_api.errors import ApiError

SENDERS = 4  # a Redis that hangs holds each for seconds, and a connection with it
FIRST_PAUSE_SECONDS = 0.1
MAX_PAUSE_SECONDS = 2.0

log = logging.getLogger(__name__)


class Send:
    """A send that is repeated until it succeeds, fails for good, or is given up."""

    def __init__(self, once: Callable[[], object], failed: Callable[[ApiError], object]) -> None:
        """`once` sends, and raises QueueUnavailable if a repetition can help; `failed` is told of other errors."""
        self.once = once
        self.failed = failed
        self.problem: str | None = None
        """Why the last try did not succeed."""
        self.given_up = False


class RetriedSends:
    """The sends of one process. Thread-safe."""

    def __init__(self) -> None:
        self._new: deque[Send] = deque()
        self._again: deque[Send] = deque()
        self._senders = 0
        self._changed = threading.Condition()
        self.problem: str | None = None
        """Why the queue did not take the last that was tried, whichever it was: others may wait long for their turn."""

    def add(self, send: Send) -> None:
        """Have something sent, and return at once."""
        with self._changed:
            self._new.append(send)
            if self._senders == SENDERS:
                self._changed.notify()
                return
            self._senders += 1
        threading.Thread(target=self._run, name="queue-send", daemon=True).start()

    def _run(self) -> None:
        pause = 0.0
        while send := self._next():
            if send.given_up or self._is_done(send):
                pause = 0.0
                continue
            pause = min(MAX_PAUSE_SECONDS, max(FIRST_PAUSE_SECONDS, 2 * pause))
            with self._changed:
                self._again.append(send)  # behind the new ones, which those that cannot be sent must not hold up
                self._changed.wait_for(lambda: self._new, pause)

    def _next(self) -> Send | None:
        """Return a new send, or the one tried longest ago; None, and count this thread no more, if none waits."""
        with self._changed:
            if waiting := self._new or self._again:
                return waiting.popleft()
            self._senders -= 1
            return None

    def _is_done(self, send: Send) -> bool:
        try:
            send.once()
        except QueueUnavailable as error:
            send.problem = str(error)
            if error.__cause__:  # else it is not the queue's
                self.problem = send.problem
            return False
        except ApiError as error:
            send.failed(error)
        except Exception:  # a bug must not end the sending of others
            log.exception("unexpected error in a send to the queue")
            send.failed(ApiError("This service failed by its own fault."))
        else:
            send.problem = self.problem = None
        return True
