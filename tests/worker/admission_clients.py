"""Requests on their way through the render worker's queue, for the tests of its admission."""

import asyncio

from render_worker.admission import CLIENT, Admission, Places


class Caller:
    """Holds a place until it is let go, and remembers its places in the queue."""

    def __init__(self, admission: Admission, places: Places, *, again: bool = False) -> None:
        self.positions: list[int] = []
        self._release = asyncio.Event()
        self._admission, self._places, self._again = admission, places, again
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


async def callers(admission: Admission, places: Places, number: int) -> list[Caller]:
    found = [Caller(admission, places) for _ in range(number)]
    await settled()
    return found


async def caller(admission: Admission, places: Places, client: str | None = None, *, again: bool = False) -> Caller:
    """A request of that client's."""
    CLIENT.set(client)
    found = Caller(admission, places, again=again)
    CLIENT.set(None)
    await settled()
    return found


def counted(*engines: Places) -> list[tuple[int, int]]:
    """How many run and wait at each engine."""
    return [(places.running, len(places.queue)) for places in engines]


async def end_all(*found: Caller) -> None:
    for one in found:
        one.task.cancel()
    await asyncio.gather(*(one.task for one in found), return_exceptions=True)
