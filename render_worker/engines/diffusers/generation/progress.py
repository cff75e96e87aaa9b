"""Progress, from the generation thread to the loop on which it is reported."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

from render_worker.engines.base import Reporter


class LoopReports:
    """The callbacks of a request. They return at once, and do nothing once the loop is closed."""

    def __init__(self, report: Reporter) -> None:
        """Report on the loop that runs now."""
        self._loop = asyncio.get_running_loop()
        self._report = report
        self._previews: set[asyncio.Task[None]] = set()

    def on_step(self, step: int, total: int) -> None:
        """Report a step."""
        percent = 100 * step // total
        self._call(lambda: self._report("generating", percent=percent, step=step, total=total))

    def on_preview(self, data: bytes) -> None:
        """Report a preview."""
        self._call(self._start_preview, data)

    def _start_preview(self, data: bytes) -> None:
        task = self._loop.create_task(self._report.preview(data))
        self._previews.add(task)
        task.add_done_callback(self._previews.discard)

    def _call(self, function: Callable[..., Any], *arguments: Any) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: the worker ends
            self._loop.call_soon_threadsafe(function, *arguments)
