"""A thread that does the same each time, whatever Redis says."""

import logging
import threading
from collections.abc import Callable

from redis import RedisError

log = logging.getLogger(__name__)


class Periodic:
    """Calls a function in a thread of its own, at once and each time that so many seconds have passed."""

    def __init__(self, name: str, seconds: float, call: Callable[[], None]) -> None:
        """Start no thread yet; `name` is the thread's, and the log's."""
        self._name = name
        self._seconds = seconds
        self._call = call
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._repeat, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread, unless it is."""
        if not self._thread.ident:
            self._thread.start()

    def stop(self) -> None:
        """Wait until a call that is under way has ended; there is no further one."""
        self._stopped.set()
        if self._thread.ident:
            self._thread.join()

    def _repeat(self) -> None:
        problem = ""
        while not self._stopped.is_set():
            try:
                self._call()
                problem = ""
            except (RedisError, OSError) as error:  # whose text may have the address, and its password
                if problem != type(error).__name__:  # else it would fill the log for as long as that lasts
                    problem = type(error).__name__
                    log.warning("%s: Redis does not take a call: %s", self._name, problem)
            except Exception:  # whatever it is, the next call may succeed
                log.exception("%s: unexpected error", self._name)
            self._stopped.wait(self._seconds)
