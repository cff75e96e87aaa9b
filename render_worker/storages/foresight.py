"""What a storage's `problem` returned last: it may look at a disk, and a network volume may hang for minutes."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait

LOOK_SECONDS = 2.0  # a disk that takes longer to say how much room it has hangs
KEPT_SECONDS = 1.0  # for which an answer is shared, so that a flood of requests costs one look a second
PROBLEM_TIMES = 4  # the look's own time a problem is shared, lest it outlast its cause: a fifth of a core at most
HANGS = f"no response within {LOOK_SECONDS:g} seconds"
FAULT = "a fault of this service"

Problem = Callable[[], str | None]

log = logging.getLogger(__name__)


class Foresight:
    """The last answer of a storage's `problem`. Safe to use from any thread.

    Each look has a thread of its own, which ends with the process: one that hangs must keep neither a pool's threads
    nor the process's exit waiting. No second look begins before it ends.
    """

    def __init__(self, problem: Problem, *, blocks: bool) -> None:
        """`blocks`: whether `problem` may block; one that does not is called directly, each time."""
        self._problem = problem
        self._blocks = blocks
        self._lock = threading.Lock()
        self._look: Future[str | None] = Future()
        self._look.set_result(None)
        self._begun = self._ended = float("-inf")  # of the monotonic clock

    async def problem(self, *, again: bool = False) -> str | None:
        """Return why the storage would not keep a picture now, without blocking the loop; `again` shares no answer."""
        if not self._blocks:
            return self._problem()
        look, seconds = self._latest(again)
        if not look.done():
            await asyncio.wait({asyncio.wrap_future(look)}, timeout=seconds)
        return look.result() if look.done() else HANGS

    def problem_blocking(self) -> str | None:
        """Return the same to a thread that may wait."""
        if not self._blocks:
            return self._problem()
        look, seconds = self._latest(again=False)
        wait({look}, seconds)
        return look.result() if look.done() else HANGS

    def _latest(self, again: bool) -> tuple[Future[str | None], float]:
        """Return the look whose result counts now, and for how many seconds it may be waited for."""
        with self._lock:
            now = time.monotonic()
            if self._look.done() and (again or now - self._ended > self._kept_seconds()):
                self._look, self._begun = Future(), now
                threading.Thread(target=self._run, args=(self._look,), name="foresight", daemon=True).start()
            return self._look, max(0.0, self._begun + LOOK_SECONDS - now)

    def _kept_seconds(self) -> float:
        if self._look.result() is None:
            return KEPT_SECONDS
        return min(KEPT_SECONDS, PROBLEM_TIMES * (self._ended - self._begun))

    def _run(self, look: Future[str | None]) -> None:
        try:
            found = self._problem()
        except Exception:  # so that one storage's bug keeps no other one from the picture; the log has it whole
            log.exception("a storage's problem could not be told")
            found = FAULT
        self._ended = time.monotonic()
        look.set_result(found)
