"""Cancellation: its error, and work that must complete before a cancelled task ends."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from render_worker.errors import WorkerError


class Cancelled(WorkerError):
    """Raised if the client has cancelled the request, before it came or while it was in flight."""

    code = "cancelled"
    status = 409

    def __init__(self) -> None:
        super().__init__("This request was cancelled by its client.")


async def run_shielded(work: Coroutine[Any, Any, None]) -> None:
    """Await `work`, such as taking a request back from a service, however often the current task is cancelled.

    An attempt's deadline and then the request's may cancel the same task. `work` must end by itself, and soon. Raises
    CancelledError afterwards if the task was cancelled.
    """
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancelled = error
    try:
        task.result()
    finally:
        if cancelled:
            raise cancelled
