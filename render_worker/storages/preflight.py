"""The preflight of a storage: a check before a picture is made. It may touch a disk, which may hang for minutes."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait

TIMEOUT_SECONDS = 2.0  # a disk that takes longer to tell its free space hangs
SHARED_SECONDS = 1.0  # for which a result is shared, so that a flood of requests costs one check a second
REASON_TIMES = 4  # of the check's own time a reason is shared, lest it outlast its cause: a fifth of a core at most
NO_RESPONSE = f"no response within {TIMEOUT_SECONDS:g} seconds"
FAULT = "a fault of this service"

log = logging.getLogger(__name__)


class Preflight:
    """The shared result of a storage's `unavailable_reason`. Safe to use from any thread.

    Each check has a thread of its own, which ends with the process: one that hangs must keep neither a pool's threads
    nor the process's exit waiting. No second check begins before it ends.
    """

    def __init__(self, check: Callable[[], str | None], *, blocks: bool) -> None:
        """Take the check that returns a reason or None; unless it `blocks`, it is called directly, each time."""
        self._check = check
        self._blocks = blocks
        self._lock = threading.Lock()
        self._latest: Future[str | None] = Future()
        self._latest.set_result(None)
        self._begun = self._ended = float("-inf")  # of the monotonic clock

    async def reason(self, *, fresh: bool = False) -> str | None:
        """Return why saving would fail now, without blocking the loop; None if nothing is known.

        With `fresh` no result of a check that has ended is shared.
        """
        if not self._blocks:
            return self._check()
        check, seconds = self._current(fresh)
        if not check.done():
            await asyncio.wait({asyncio.wrap_future(check)}, timeout=seconds)
        return check.result() if check.done() else NO_RESPONSE

    def reason_blocking(self) -> str | None:
        """Return the same as `reason` to a thread that may wait."""
        if not self._blocks:
            return self._check()
        check, seconds = self._current(fresh=False)
        wait({check}, seconds)
        return check.result() if check.done() else NO_RESPONSE

    def _current(self, fresh: bool) -> tuple[Future[str | None], float]:
        """Return the check whose result counts now, and for how many seconds it may be waited for."""
        with self._lock:
            now = time.monotonic()
            if self._latest.done() and (fresh or now - self._ended > self._shared_seconds()):
                self._latest, self._begun = Future(), now
                threading.Thread(target=self._run_check, args=(self._latest,), name="preflight", daemon=True).start()
            return self._latest, max(0.0, self._begun + TIMEOUT_SECONDS - now)

    def _shared_seconds(self) -> float:
        if self._latest.result() is None:
            return SHARED_SECONDS
        return min(SHARED_SECONDS, REASON_TIMES * (self._ended - self._begun))

    def _run_check(self, check: Future[str | None]) -> None:
        try:
            reason = self._check()
        except Exception:  # one storage's bug must keep no other storage from saving the picture
            log.exception("storage preflight failed")
            reason = FAULT
        self._ended = time.monotonic()
        check.set_result(reason)
