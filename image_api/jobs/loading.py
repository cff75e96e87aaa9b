"""Loading what needs the jobs' database: once, in the background, and again as long as that is out of reach."""

import logging
import random
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

from image_api.errors import ApiError
from image_api.jobs.errors import DatabaseUnavailable

FIRST_PATIENCE_SECONDS = 60.0  # for which a request waits: on a busy machine the first attempt takes so long
PATIENCE_SECONDS = 10.0  # once one has failed
FIRST_PAUSE_SECONDS = 1.0
MAX_PAUSE_SECONDS = 30.0

log = logging.getLogger(__name__)
T = TypeVar("T")


class Loading(Generic[T]):
    """What is built in the background at first use, and again with exponential backoff until that succeeds.

    All that ask share one attempt. Thread-safe.
    """

    def __init__(self, build: Callable[[], T], name: str = "jobs") -> None:
        """Take what builds it, and what it is called in the log, in the plural."""
        self._build = build
        self._name = name
        self._lock = threading.Lock()
        self._attempt: Future[T] | None = None
        """The latest one."""
        self._patience = FIRST_PATIENCE_SECONDS
        self._ended = threading.Event()

    @property
    def is_begun(self) -> bool:
        """Return whether it was ever needed."""
        return self._attempt is not None

    @property
    def loaded(self) -> T | None:
        """Return what was built; None if it is not there yet."""
        attempt = self._attempt
        return attempt.result() if attempt and attempt.done() and not attempt.exception() else None

    def begin(self) -> "Future[T]":
        """Have it built, and return the latest attempt at that."""
        with self._lock:
            if self._attempt is None:
                self._attempt = Future()
                threading.Thread(target=self._run, name=f"{self._name}-start", daemon=True).start()
            return self._attempt

    def get(self) -> T:
        """Return what was built.

        Raises DatabaseUnavailable if the latest attempt failed so, or takes longer than a request waits.
        """
        try:
            return self.begin().result(self._patience)
        except TimeoutError:
            raise DatabaseUnavailable from None
        except ApiError as error:
            raise error.with_traceback(None) from error.__cause__  # shared: it would grow with each that asks

    def end(self) -> None:
        """Try no more: this service is being stopped."""
        self._ended.set()

    def _run(self) -> None:
        pause = FIRST_PAUSE_SECONDS
        attempt = self.begin()
        while True:
            try:
                attempt.set_result(self._build())
                return
            except Exception as error:  # noqa: BLE001 - it is raised in what asks for it
                self._patience = PATIENCE_SECONDS
                attempt.set_exception(_told(error, self._name, pause))
            if self._ended.wait(random.uniform(0.5, 1) * pause):  # noqa: S311
                return
            pause = min(2 * pause, MAX_PAUSE_SECONDS)
            with self._lock:
                attempt = self._attempt = Future()


def _told(error: Exception, name: str, pause: float) -> ApiError:
    """Log why nothing was built, and return what clients get."""
    if isinstance(error, ApiError):
        log.warning("%s cannot be used, which is tried again in %.0f seconds: %s", name, pause, error)
        return error
    log.error("%s cannot be used, which is tried again in %.0f seconds", name, pause, exc_info=error)
    return DatabaseUnavailable()
