"""Clients of the render worker's admission control, for its tests."""

import asyncio

from render_worker.engines.slots import Slots
from render_worker.generation.admission import CLIENT_IN_FLIGHT, CURRENT_CLIENT, Admission


class Request:
    """A request that holds a slot until it ends, and records its positions in the queue."""

    def __init__(self, admission: Admission, slots: Slots, *, admitted: bool = False) -> None:
        self.positions: list[int] = []
        self.client = CURRENT_CLIENT.get()
        self.has_slot = False
        self._release = asyncio.Event()
        self._admission, self._slots, self._admitted = admission, slots, admitted
        self.task = asyncio.create_task(self._hold())

    async def _hold(self) -> None:
        async with self._admission.slot(self._slots, self.positions.append, admitted=self._admitted):
            self.has_slot = True
            await self._release.wait()
        self.has_slot = False

    async def end(self) -> None:
        """Release the slot, or do so as soon as there is one."""
        self._release.set()
        await settled()


async def settled() -> None:
    """Let the loop run whatever is due."""
    for _ in range(5):
        await asyncio.sleep(0)


async def requests(admission: Admission, slots: Slots, number: int) -> list[Request]:
    """Return that many requests for an engine, each running, waiting or refused."""
    found = [Request(admission, slots) for _ in range(number)]
    await settled()
    return found


async def request(
    admission: Admission, slots: Slots, client: str | None = None, *, admitted: bool = False, told: int = 0
) -> Request:
    """Return a request of that client, with `told` in flight; `admitted` if it falls back from another engine."""
    CURRENT_CLIENT.set(client)
    CLIENT_IN_FLIGHT.set(told)
    found = Request(admission, slots, admitted=admitted)
    CURRENT_CLIENT.set(None)
    CLIENT_IN_FLIGHT.set(0)
    await settled()
    return found


def counted(admission: Admission, *engines: Slots) -> list[tuple[int, int]]:
    """Return how many requests run and wait at each engine."""
    queues = [admission.queue_of(slots) for slots in engines]
    return [(queue.running, len(queue.waiting)) for queue in queues]


async def end_all(*found: Request) -> None:
    """Cancel the requests, and wait until they have ended."""
    for one in found:
        one.task.cancel()
    await asyncio.gather(*(one.task for one in found), return_exceptions=True)
