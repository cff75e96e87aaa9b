"""The calls of this process that wait for their ends, which one sweep looks at together."""

import logging
import threading
from collections.abc import Callable
from typing import Protocol

from image_api.dispatch.queued.failures import QUEUE_FAILURES, problem_of
from image_api.dispatch.queued.losses import Found, OpenRequest
from image_api.dispatch.queued.sweep import SWEEP_SECONDS, Sweep

TOLD = frozenset({"ended", "lost", "unsent"})

log = logging.getLogger(__name__)


class WaitingCall(Protocol):
    """What a sweep needs of a call."""

    def open_request(self) -> OpenRequest | None:
        """Return its request; None if there is nothing to look for yet."""

    def find(self, found: Found) -> None:
        """Take what a look has shown."""

    def end(self) -> None:
        """End its wait: this service is being stopped."""


class WaitingCalls:
    """The calls that wait. Thread-safe. The sweep's thread starts with the first, and rests while there is none."""

    def __init__(self, sweep: Callable[[], Sweep]) -> None:
        self._new_sweep = sweep
        self._calls: dict[int, WaitingCall] = {}
        self._any = threading.Event()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self.problem: str | None = None
        """Why the last look failed, if it did."""

    def add(self, call: WaitingCall) -> None:
        """Have a call looked at, until `remove`."""
        with self._lock:
            self._calls[id(call)] = call
            self._any.set()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="queue-sweep", daemon=True)
                self._thread.start()

    def remove(self, call: WaitingCall) -> None:
        """Look at a call no more."""
        with self._lock:
            del self._calls[id(call)]
            if not self._calls:
                self._any.clear()

    def all(self) -> list[WaitingCall]:
        """Return those that wait now."""
        with self._lock:
            return list(self._calls.values())

    def stop(self) -> None:
        """End the wait of each, and the sweeps."""
        self._stopped.set()
        for call in self.all():
            call.end()

    def _run(self) -> None:
        sweep = self._new_sweep()
        while not self._stopped.wait(SWEEP_SECONDS):
            self._any.wait()
            try:
                self._look(sweep)
                self.problem = None
            except QUEUE_FAILURES as error:
                self.problem = problem_of(error)
            except Exception:  # a bug must not end the sweeps
                log.exception("unexpected error in the sweep of the queue")

    def _look(self, sweep: Sweep) -> None:
        calls = {request.id: (call, request) for call in self.all() if (request := call.open_request())}
        for found in sweep.look([request for _, request in calls.values()]):
            if found.what in TOLD:
                calls[found.request.id][0].find(found)
