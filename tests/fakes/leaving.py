"""Cancellation of a generation by a client that disconnects."""

import asyncio
from collections.abc import Callable, Coroutine

from tests.fakes.processes import wait_until


def left(work: Coroutine, begun: Callable[[], object], times: int) -> bool:
    """Cancel the work `times` times in a row when it has begun; return whether it ended as cancelled."""

    async def leaving() -> bool:
        working = asyncio.create_task(work)
        await asyncio.to_thread(wait_until, begun, "the work's beginning")
        for _ in range(times):
            working.cancel()
            await asyncio.sleep(0.05)
        await asyncio.wait({working})
        return working.cancelled()

    return asyncio.run(leaving())
