"""Work that must complete before a cancelled task ends, such as taking a request back from a service."""

import asyncio
from collections.abc import Coroutine
from typing import Any


async def run_shielded(work: Coroutine[Any, Any, None]) -> None:
    """Await `work` to its end, however often the current task is cancelled meanwhile.

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
