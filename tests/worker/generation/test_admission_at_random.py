"""Admission control under random requests: its bounds hold."""

import asyncio
import random

import pytest

from render_worker.engines.slots import Slots
from render_worker.errors import QueueFull
from render_worker.generation.admission import Admission
from tests.fakes.admission_clients import Request, counted, request


class Chance:
    """Requests that arrive, fall back to another engine, end and are cancelled at random."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self.size, self.queue_size = self._random.choice([1, 2, 3, 5, 8]), self._random.choice([0, 1, 4, 20])
        self.engines = [Slots(1), Slots(4), Slots(2)][: self._random.randint(1, 3)]
        self.cheap = Slots(self.size, cheap=True)
        self.all = [*self.engines, self.cheap]
        self.admission = Admission(self.size, self.queue_size, self.all)
        self.requests: list[Request] = []
        self.ended: list[Request] = []
        """Requests that end as soon as they have a slot."""

    async def step(self) -> None:
        if not self.requests or self._random.random() < 0.6:
            slots = self._random.choice(self.all)
            has_room = not slots.cheap and self.admission.health().running < self.size
            client, again = self._random.choice([None, *"aab"]), self._random.random() < 0.2
            self.requests.append(await request(self.admission, slots, client, admitted=again))
            assert self.admission.queue_of(slots).running or not has_room  # regardless of the others
        else:
            self.ended.append(one := self.requests.pop(self._random.randrange(len(self.requests))))
            if self._random.random() < 0.5:
                one.task.cancel()
            await one.end()
        for one in self.requests:
            assert not one.task.done() or isinstance(one.task.exception(), QueueFull)
        self.requests = [one for one in self.requests if not one.task.done()]


@pytest.mark.parametrize("seed", range(12))
def test_at_random_the_bounds_hold_and_every_request_gets_its_slot(seed):
    async def scene():
        chance = Chance(seed)
        for _ in range(400):
            await chance.step()
            found = chance.admission.health()
            assert found.running <= chance.size
            assert found.running + found.waiting <= chance.size + chance.queue_size
            assert all(chance.admission.queue_of(slots).generating <= slots.size for slots in chance.all)
            assert chance.admission.queue_of(chance.cheap).running <= max(1, chance.size - 1)
            if chance.size > len(chance.engines):
                queues = [chance.admission.queue_of(slots) for slots in chance.engines]
                assert all(queue.running for queue in queues if queue.waiting)
        for one in chance.requests:
            await one.end()
        await asyncio.gather(*(one.task for one in chance.requests))
        for ended in await asyncio.gather(*(one.task for one in chance.ended), return_exceptions=True):
            assert ended is None or isinstance(ended, QueueFull | asyncio.CancelledError)
        generating = {chance.admission.queue_of(slots).generating for slots in chance.all}
        return counted(chance.admission, *chance.all), generating

    found, making = asyncio.run(scene())
    assert (set(found), making) == ({(0, 0)}, {0})
