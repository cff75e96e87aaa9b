"""An event loop whose time jumps to the next timer, so that minutes pass in a moment."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest

from render_worker.serving.deadline import Deadline

T = TypeVar("T")


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop with a clock of its own. What would run in a thread takes no time: it is run at once, in this one."""

    now = 1_000_000.0

    def time(self) -> float:
        return self.now

    def run_in_executor(self, executor, func, *args):
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - it belongs to what waits
            future.set_exception(error)
        return future

    def _run_once(self) -> None:
        if not self._ready and self._scheduled:
            self.now = max(self.now, self._scheduled[0].when())
        super()._run_once()


def run_virtually(work: Coroutine[Any, Any, T], monkeypatch: pytest.MonkeyPatch) -> T:
    """Return the result of the work; meanwhile the monotonic clock is the loop's."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        clock = runner.get_loop().time
        monkeypatch.setattr("time.monotonic", clock)
        for function in (Deadline.__init__, Deadline.after.__func__):  # they took the clock when they were defined
            monkeypatch.setattr(function, "__defaults__", (clock,))
        return runner.run(work)
