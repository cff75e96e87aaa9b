"""An event loop whose time jumps to the next timer, so that minutes pass in a moment."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest

T = TypeVar("T")


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop with a clock of its own; nothing in it may wait for a thread."""

    now = 1_000_000.0

    def time(self) -> float:
        return self.now

    def _run_once(self) -> None:
        if not self._ready and self._scheduled:
            self.now = max(self.now, self._scheduled[0].when())
        super()._run_once()


def run_virtually(work: Coroutine[Any, Any, T], monkeypatch: pytest.MonkeyPatch) -> T:
    """Return the result of the work; meanwhile the monotonic clock is the loop's."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        monkeypatch.setattr("time.monotonic", runner.get_loop().time)
        return runner.run(work)
