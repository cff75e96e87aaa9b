"""Admission control: the bounded queue before the engines."""

import asyncio

import pytest

from render_worker.engines.slots import Slots
from render_worker.errors import USUAL_WAIT_SECONDS, WorkerBusy
from render_worker.generation.admission import Admission
from tests.fakes.admission_clients import Request, requests, settled


def test_its_bounds_are_exact():
    async def scene():
        admission, slots = Admission(2, 3), Slots(1)
        all_four = await requests(admission, slots, 4)
        full = admission.health()
        with pytest.raises(WorkerBusy) as unknown:
            await Request(admission, slots).task
        with pytest.raises(WorkerBusy) as known:
            async with admission.slot(slots, [].append, 7):
                pass
        async with admission.slot(Slots(1), [].append):  # another engine's slot is free, and so is the second of all
            beside = admission.health()
        all_four[1].task.cancel()
        await settled()
        after_cancel = admission.health()
        for request in all_four:
            await request.end()
        assert (unknown.value.retry_after, known.value.retry_after) == (USUAL_WAIT_SECONDS, 7)
        return full, beside, after_cancel, admission.health(), admission.must_wait(slots)

    full, beside, after_cancel, empty, must_wait = asyncio.run(scene())
    assert (full.running, full.waiting) == (1, 3)
    assert (beside.running, beside.waiting) == (2, 3)
    assert (after_cancel.running, after_cancel.waiting) == (1, 2)
    assert (empty.running, empty.waiting, must_wait) == (0, 0, False)


def test_a_waiting_request_gets_its_position_and_each_change_of_it():
    async def scene():
        admission = Admission(4, 10)
        first, second, third, fourth = await requests(admission, slots := Slots(1), 4)
        third.task.cancel()
        await settled()
        await first.end()
        assert (await requests(admission, Slots(1), 1))[0].positions == []  # of another engine, without any wait
        await second.end()
        await fourth.end()
        assert not admission.must_wait(slots)
        return [request.positions for request in (first, second, third, fourth)]

    assert asyncio.run(scene()) == [[], [1], [2], [3, 2, 1]]


def test_one_that_waits_for_a_slot_of_all_gets_it_too():
    async def scene():
        admission = Admission(1, 10)
        running = (await requests(admission, Slots(1), 1))[0]
        one, two = await requests(admission, Slots(2), 2)
        await running.end()
        await one.end()
        await two.end()
        return one.positions, two.positions

    assert asyncio.run(scene()) == ([1], [2, 1])
