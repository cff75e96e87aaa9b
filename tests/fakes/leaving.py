"""A caller who leaves in the midst of a generation."""

import asyncio
from collections.abc import Callable, Coroutine

from tests.fakes.processes import wait_until


def left(work: Coroutine, begun: Callable[[], object], times: int) -> bool:
    """Cancel the work, so many times in a row, as soon as it has begun; whether it ended so."""

    async def leaving() -> bool:
        working = asyncio.create_task(work)
        await asyncio.to_thread(wait_until, begun, "the work's beginning")
        for _ in range(times):
            working.cancel()
            await asyncio.sleep(0.05)
        await asyncio.wait({working})
        return working.cancelled()

    return asyncio.run(leaving())
