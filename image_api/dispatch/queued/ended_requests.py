"""Telling Redis of requests that nothing waits for any more: in the background, until it takes that."""

import logging
import threading
import time
from collections.abc import Callable, Iterable
from itertools import islice

from image_api.dispatch.queued.failures import QUEUE_FAILURES
from image_api.dispatch.queued.request_states import RequestStates
from render_worker.serving.deadline import Deadline

BATCH = 100
KEPT_SECONDS = 900.0  # by then the longest deadline has ended what was not told
MAX_WAITING = 10_000  # of each kind, some 3 MB; then the oldest is dropped
PAUSE_SECONDS = 0.5

log = logging.getLogger(__name__)

Tell = Callable[[Iterable[str]], object]


class EndedRequests:
    """Has requests cancelled or settled, by one thread, which rests while there are none. Thread-safe."""

    def __init__(self, states: RequestStates) -> None:
        self._waiting: dict[Tell, dict[str, Deadline]] = {states.cancel: {}, states.settle: {}}
        self._states = states
        self._is_running = False
        self._lock = threading.Lock()

    def cancel(self, request_id: str) -> None:
        """Have the Celery workers end a request, or refuse it. Returns at once."""
        self._add(self._states.cancel, request_id)

    def settle(self, request_id: str) -> None:
        """Have Redis forget a request that has its end. Returns at once."""
        self._add(self._states.settle, request_id)

    def _add(self, tell: Tell, request_id: str) -> None:
        with self._lock:
            waiting = self._waiting[tell]
            waiting[request_id] = Deadline.after(KEPT_SECONDS)
            if len(waiting) > MAX_WAITING:
                del waiting[next(iter(waiting))]
            if self._is_running:
                return
            self._is_running = True
        try:
            threading.Thread(target=self._run, name="queue-ended", daemon=True).start()
        except RuntimeError:  # the system has no more threads: the next request tries again
            self._is_running = False

    def _run(self) -> None:
        while batches := self._batches():
            for tell, ids in batches:
                self._tell(tell, ids)

    def _batches(self) -> list[tuple[Tell, list[str]]]:
        """Return what is to be told next; nothing, and run no more, if there is nothing."""
        with self._lock:
            found = [(tell, list(islice(waiting, BATCH))) for tell, waiting in self._waiting.items() if waiting]
            self._is_running = bool(found)
            return found

    def _tell(self, tell: Tell, ids: list[str]) -> None:
        try:
            tell(ids)
            told = ids
        except QUEUE_FAILURES:  # which /api/v1/health tells of
            time.sleep(PAUSE_SECONDS)
            told = []
        except Exception:  # a bug must not end the telling of others
            log.exception("unexpected error in telling Redis of requests that have ended")
            told = ids
        with self._lock:
            waiting = self._waiting[tell]
            for request_id in ids:
                if request_id in told or (request_id in waiting and waiting[request_id].expired):
                    waiting.pop(request_id, None)
