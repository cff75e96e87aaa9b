"""Telling the render worker of cancelled requests: in the background, by few threads, however many there are."""

import threading
from collections import deque
from collections.abc import Callable

SENDERS = 4  # a worker that hangs holds each for seconds, and a connection with it
MAX_WAITING = 1000


class CancellationSender:
    """Sends ids one by one. Thread-safe.

    If there are too many the oldest is dropped: its connection is closed, by which the worker can tell as well.
    """

    def __init__(self, send: Callable[[str], None]) -> None:
        self._send = send
        self._waiting: deque[str] = deque(maxlen=MAX_WAITING)
        self._senders = 0
        self._lock = threading.Lock()

    def add(self, request_id: str) -> None:
        """Have an id sent, and return at once."""
        with self._lock:
            self._waiting.append(request_id)
            if self._senders == SENDERS:
                return
            self._senders += 1
        try:
            threading.Thread(target=self._run, name="cancel", daemon=True).start()
        except RuntimeError:  # the system has no more threads
            with self._lock:
                self._senders -= 1

    def _run(self) -> None:
        while request_id := self._next():
            self._send(request_id)

    def _next(self) -> str | None:
        """Return the id that waited longest; None, and count this thread no more, if none waits."""
        with self._lock:
            if self._waiting:
                return self._waiting.popleft()
            self._senders -= 1
            return None
