"""A thread that does one task after another."""

import logging
import queue
import threading
from collections.abc import Callable

log = logging.getLogger(__name__)


class TaskThread:
    """A daemon thread: the process may end while it works, as a load or a download may take very long."""

    def __init__(self, name: str) -> None:
        self._tasks: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def submit(self, task: Callable[[], None]) -> None:
        """Do a task after those before it. It handles its own errors."""
        self._tasks.put(task)

    def close(self, seconds: float) -> None:
        """End the thread after the tasks so far, and wait for that up to some seconds."""
        self._tasks.put(None)
        self._thread.join(seconds)

    def _work(self) -> None:
        while task := self._tasks.get():
            try:
                task()
            except Exception:  # the thread lives on for the tasks after it
                log.exception("A task of the thread %s failed.", self._thread.name)
            del task  # what it holds may be a model
