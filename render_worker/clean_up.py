"""What must be done before a task ends, however often it is told to end."""

import asyncio
from collections.abc import Coroutine
from typing import Any


async def carried_out(work: Coroutine[Any, Any, None]) -> None:
    """Do this to its end, although the task is cancelled in the midst of it; CancelledError comes afterwards then.

    A turn that is over and then the caller's deadline cancel the same task. The work must end by itself, and soon.
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
