"""A step that is taken again and again in a thread of its own, whatever of the database and Redis is down."""

import logging
import threading
from collections.abc import Callable

from image_api.backoff import longer_pause
from image_api.dispatch.queued.failures import QUEUE_FAILURES, QueueUnavailable
from image_api.jobs.errors import DatabaseUnavailable

FIRST_PAUSE_SECONDS = 0.1  # after a failure
MAX_PAUSE_SECONDS = 1.0  # what ended while Redis or the database was down is to be kept soon after

log = logging.getLogger(__name__)


class Loop:
    """Takes a step, and waits as long as that says, or until it is woken. Thread-safe."""

    def __init__(self, name: str, step: Callable[[], float], on_end: Callable[[], object] = lambda: None) -> None:
        """`step` returns the seconds until the next; `on_end` is called in the thread after the last."""
        self._name = name
        self._step = step
        self._on_end = on_end
        self._wake = threading.Event()
        self._is_stopped = threading.Event()
        self._is_failing = False
        self._thread = threading.Thread(target=self._run, name=f"jobs-{name}", daemon=True)

    @property
    def is_stopped(self) -> bool:
        """Return whether no further step is taken."""
        return self._is_stopped.is_set()

    def start(self) -> None:
        """Begin, in the background."""
        self._thread.start()

    def wake(self) -> None:
        """Take the next step at once."""
        self._wake.set()

    def stop(self) -> None:
        """Take no further step, and end the wait for the next. Returns at once."""
        self._is_stopped.set()
        self._wake.set()

    def join(self, seconds: float) -> None:
        """Wait until the step of this moment has ended, so many seconds at most."""
        if self._thread.is_alive():
            self._thread.join(seconds)

    def _run(self) -> None:
        pause = 0.0
        while not self.is_stopped:
            try:
                seconds = self._step()
                self._note_end_of_failure()
                pause = 0.0
            except DatabaseUnavailable:  # which the database's own log tells of, once
                seconds = pause = longer_pause(pause, FIRST_PAUSE_SECONDS, MAX_PAUSE_SECONDS)
            except (*QUEUE_FAILURES, QueueUnavailable) as error:
                self._note_failure(error)
                seconds = pause = longer_pause(pause, FIRST_PAUSE_SECONDS, MAX_PAUSE_SECONDS)
            except Exception:  # a bug must not end what all jobs depend on
                log.exception("the %s of the queue's jobs failed by its own fault", self._name)
                seconds = pause = longer_pause(pause, FIRST_PAUSE_SECONDS, MAX_PAUSE_SECONDS)
            self._wake.wait(seconds)
            self._wake.clear()
        self._on_end()

    def _note_failure(self, error: Exception) -> None:
        if not self._is_failing:
            self._is_failing = True
            log.warning("the %s of jobs waits for the queue, which does not answer: %s", self._name, _name_of(error))

    def _note_end_of_failure(self) -> None:
        if self._is_failing:
            self._is_failing = False
            log.info("the %s of jobs goes on, the queue answers again", self._name)


def _name_of(error: Exception) -> str:
    """Return the kind of an error, whose text may have an address."""
    return type(error.__cause__ or error).__name__
