"""Requests on their way through the render worker's queue, for the tests of its admission."""

import asyncio

from render_worker.generation.admission import CLIENT, Admission, Slots


class Caller:
    """Holds a place until it is let go, and remembers its places in the queue."""

    def __init__(self, admission: Admission, slots: Slots, *, again: bool = False) -> None:
        self.positions: list[int] = []
        self._release = asyncio.Event()
        self._admission, self._places, self._again = admission, slots, again
        self.task = asyncio.create_task(self._hold())

    async def _hold(self) -> None:
        async with self._admission.place(self._places, self.positions.append, again=self._again):
            await self._release.wait()

    async def end(self) -> None:
        self._release.set()
        await settled()


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def callers(admission: Admission, slots: Slots, number: int) -> list[Caller]:
    found = [Caller(admission, slots) for _ in range(number)]
    await settled()
    return found


async def caller(admission: Admission, slots: Slots, client: str | None = None, *, again: bool = False) -> Caller:
    """A request of that client's."""
    CLIENT.set(client)
    found = Caller(admission, slots, again=again)
    CLIENT.set(None)
    await settled()
    return found


def counted(*engines: Slots) -> list[tuple[int, int]]:
    """How many run and wait at each engine."""
    return [(slots.running, len(slots.queue)) for slots in engines]


async def end_all(*found: Caller) -> None:
    for one in found:
        one.task.cancel()
    await asyncio.gather(*(one.task for one in found), return_exceptions=True)
