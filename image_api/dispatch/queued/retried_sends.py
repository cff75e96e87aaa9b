"""Sends that are repeated while the queue does not take them: by few threads, however many wait."""

import logging
import threading
import time
from collections import defaultdict

from image_api.dispatch.queued.failures import QueueUnavailable, Trouble
from image_api.dispatch.queued.turns import Send, Turns
from image_api.dispatch.queued.urgent_window import NoRoom
from image_api.errors import ApiError
from render_worker.serving.deadline import Deadline

SENDERS = 4  # a Redis that hangs holds each for seconds, and a connection with it
PROBE_SECONDS = 5.0  # for one try, which ends before
FULL_SECONDS = 0.1  # between looks at a queue that has no room
FIRST_PAUSE_SECONDS = 0.1
MAX_PAUSE_SECONDS = 2.0

log = logging.getLogger(__name__)


class Line:
    """The sends into one queue, and what became of the last of them. One caller at a time.

    After a try in vain one at a time is tried, until one succeeds.
    """

    def __init__(self) -> None:
        self.turns = Turns()
        self.trouble: Trouble | None = None
        self.rest = Deadline.after(0)
        self.taken_at = 0.0
        self._pause = 0.0
        self._failed_at = 0.0

    def take(self) -> Send:
        """Take the next send, and rest meanwhile if it is a probe."""
        self.taken_at = time.monotonic()
        if self._pause:
            self.rest = Deadline.after(PROBE_SECONDS)
        return self.turns.take()

    def note_sent(self) -> None:
        """Take note that the queue takes what is sent."""
        self.trouble, self._pause, self.rest = None, 0.0, Deadline.after(0)

    def note_full(self) -> None:
        """Take note that the queue has no room for a while."""
        self.trouble, self._pause, self.rest = None, FULL_SECONDS, Deadline.after(FULL_SECONDS)

    def note_failure(self, problem: str, begun: float) -> None:
        """Take note of a try in vain; of several at a time the first makes the next ones wait for longer."""
        self.trouble = Trouble(problem, min(begun, self.trouble.since) if self.trouble else begun)
        if begun >= self._failed_at:
            self._pause = min(MAX_PAUSE_SECONDS, max(FIRST_PAUSE_SECONDS, 2 * self._pause))
        self._failed_at, self.rest = time.monotonic(), Deadline.after(self._pause)


class RetriedSends:
    """The sends of one process. Thread-safe."""

    def __init__(self) -> None:
        self._lines: defaultdict[str | None, Line] = defaultdict(Line)
        self._senders = 0
        self._is_one_resting = False
        self._changed = threading.Condition()

    def add(self, send: Send) -> None:
        """Have something sent, and return at once."""
        with self._changed:
            self._lines[send.queue].turns.add(send)
            if self._is_one_resting:
                self._changed.notify()
                return
            if self._senders == SENDERS:
                return
            self._senders += 1
        try:
            threading.Thread(target=self._run, name="queue-send", daemon=True).start()
        except RuntimeError:  # the system has no more threads: another sender, or that of the next send, takes it
            with self._changed:
                self._senders -= 1

    def give_up(self, send: Send) -> None:
        """Send it no more."""
        with self._changed:
            send.given_up = True
            self._lines[send.queue].turns.remove(send)

    def trouble(self, send: Send) -> Trouble | None:
        """Return why the queue did not take the last that was tried, whichever it was: others may wait for long."""
        with self._changed:
            return self._lines[send.queue].trouble

    def _run(self) -> None:
        while send := self._next():
            self._try(send)

    def _next(self) -> Send | None:
        """Return the next send, as soon as there is one; None, and count this thread no more, if it is not needed."""
        with self._changed:
            while True:
                lines = [line for line in self._lines.values() if line.turns]
                if ready := [line for line in lines if line.rest.expired]:
                    return min(ready, key=lambda it: it.taken_at).take()
                if not lines or self._is_one_resting:
                    self._senders -= 1
                    return None
                self._is_one_resting = True
                self._changed.wait(min(line.rest.remaining for line in lines))
                self._is_one_resting = False

    def _try(self, send: Send) -> None:
        begun = time.monotonic()
        try:
            send.once()
        except NoRoom as full:
            with self._changed:
                send.queue = full.queue
                self._line_of(send).note_full()
                self._put_back(send, first=True)
        except QueueUnavailable as error:
            with self._changed:
                self._line_of(send).note_failure(str(error), begun)
                self._put_back(send)  # behind the others, which one that cannot be sent must not hold up
        except ApiError as error:
            self._fail(send, error)
        except Exception:  # a bug must not end the sending of others
            log.exception("unexpected error in a send to the queue")
            self._fail(send, ApiError("This service failed by its own fault."))
        else:
            with self._changed:
                self._line_of(send).note_sent()

    def _fail(self, send: Send, error: ApiError) -> None:
        """Tell of an error that is the send's own: the next one of its line may be tried."""
        with self._changed:
            self._line_of(send).rest = Deadline.after(0)
        send.failed(error)

    def _line_of(self, send: Send) -> Line:
        """Return the line of a send, which is about to change."""
        self._changed.notify()
        return self._lines[send.queue]

    def _put_back(self, send: Send, *, first: bool = False) -> None:
        if not send.given_up:
            self._line_of(send).turns.add(send, first=first)
