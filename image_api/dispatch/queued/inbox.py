"""What a call that waits is told, by the news and by the sweep."""

import threading
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass

from image_api.dispatch.queued.losses import Found
from image_api.dispatch.queued.request_states import Announced
from image_api.errors import ApiError
from image_api.outbound.abort import Abort
from render_worker.contract import QueueNews, QueueProgress


@dataclass(frozen=True)
class Sent:
    """What came of publishing an attempt."""

    attempt: int
    announced: Announced


Message = QueueNews | QueueProgress | Found | Sent | ApiError
"""An ApiError ends the call."""


class Inbox:
    """Messages in the order in which they came; of progress the newest alone, after all others. Thread-safe."""

    def __init__(self) -> None:
        self._messages: deque[Message] = deque()
        self._progress: QueueProgress | None = None
        self._signal: Future[None] | None = None
        self._lock = threading.Lock()

    def put(self, message: Message) -> None:
        """Put a message in, and return at once."""
        with self._lock:
            if isinstance(message, QueueProgress):
                self._progress = message
            else:
                self._messages.append(message)
            signal, self._signal = self._signal, None
        if signal:
            signal.set_result(None)

    def next(self, abort: Abort, seconds: float) -> Message | None:
        """Take the next message; None if there is none within `seconds`. Raises ServiceBusy if `abort` is set."""
        with self._lock:
            signal = self._signal = None if self._messages or self._progress else Future()
        if signal:
            abort.wait(signal, seconds)
        with self._lock:
            if self._messages:
                return self._messages.popleft()
            progress, self._progress = self._progress, None
            return progress
