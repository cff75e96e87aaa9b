"""Slots and queue shares that a flood at one engine leaves to the others."""

import asyncio

import pytest

from render_worker.engines.slots import Slots
from render_worker.errors import QueueFull
from render_worker.generation.admission import Admission
from tests.fakes.admission_clients import counted, end_all, request, requests, settled


def test_a_flood_of_a_cheap_engine_leaves_the_others_their_slots_and_their_queue():
    async def scene():
        slow, web, cheap = Slots(1), Slots(4), Slots(8, cheap=True)
        admission = Admission(8, 20, [slow, web, cheap])
        flood = await requests(admission, cheap, 50)
        alone = counted(admission, cheap)
        fives = await requests(admission, slow, 5), await requests(admission, web, 9)
        beside = counted(admission, slow, web, cheap)
        await end_all(*flood, *fives[0], *fives[1])
        return alone, beside, counted(admission, slow, web, cheap)

    alone, beside, after = asyncio.run(scene())
    assert alone == [(3, 20)]  # one more would be the last slot of all
    assert beside == [(1, 4), (4, 5), (3, 11)]
    assert after == [(0, 0)] * 3


@pytest.mark.parametrize(("all_slots", "cheap_ones"), [(4, 3), (3, 2), (2, 1), (1, 1)])
def test_a_cheap_engine_never_holds_the_last_slot_unless_there_is_no_other(all_slots, cheap_ones):
    async def scene():
        slow, cheap = Slots(1), Slots(all_slots, cheap=True)
        admission = Admission(all_slots, 20, [slow, cheap])
        found = await requests(admission, cheap, 10)
        running = admission.queue_of(cheap).running
        found += await requests(admission, slow, 1)
        beside = admission.queue_of(slow).running
        await end_all(*found)
        return running, beside, admission.concurrency(cheap)

    assert asyncio.run(scene()) == (cheap_ones, int(all_slots > 1), cheap_ones)


def test_with_one_slot_a_cheap_engine_runs_when_nothing_else_waits():
    async def scene():
        slow, cheap = Slots(1), Slots(1, cheap=True)
        admission = Admission(1, 20, [slow, cheap])
        running, waiting = await requests(admission, cheap, 2)
        later = await requests(admission, slow, 2)
        seen = [counted(admission, slow, cheap)]
        for one in (running, *later, waiting):
            await one.end()
            seen.append(counted(admission, slow, cheap))
        return seen

    assert asyncio.run(scene()) == [
        [(0, 2), (1, 1)],
        [(1, 1), (0, 1)],
        [(1, 0), (0, 1)],
        [(0, 0), (1, 0)],
        [(0, 0), (0, 0)],
    ]


@pytest.mark.parametrize("all_slots", [2, 3, 8])
def test_a_flood_of_an_engine_that_is_asked_by_http_leaves_the_others_theirs_too(all_slots):
    async def scene():
        web, slow, cheap = Slots(4), Slots(1), Slots(all_slots, cheap=True)
        admission = Admission(all_slots, 20, [web, slow, cheap])
        flood = await requests(admission, web, 60)
        full = counted(admission, web)
        others = [*await requests(admission, slow, 3), *await requests(admission, cheap, 2)]
        beside = counted(admission, slow)
        total = admission.health()
        kept_out = [isinstance(one.task.exception(), QueueFull) for one in others if one.task.done()]
        await end_all(*flood, *others)
        return full, beside, total.waiting, kept_out

    full, beside, waiting, kept_out = asyncio.run(scene())
    assert full == [({2: 1, 3: 2, 8: 4}[all_slots], 20)]
    assert (beside, waiting, kept_out) == ([(1, 2)], 20, [])


def test_saving_takes_no_slot_from_an_engine_that_is_idle():
    async def scene():
        web, slow = Slots(2), Slots(1)
        admission = Admission(4, 20, [web, slow])
        async with admission.slot(web, [].append) as leave, admission.slot(web, [].append) as leave_too:
            leave()
            leave_too()
            more = await requests(admission, web, 4)
            seen = counted(admission, web)
            more += await requests(admission, slow, 1)
            beside = counted(admission, slow)
            await end_all(*more)
        return seen, beside, counted(admission, web, slow)

    assert asyncio.run(scene()) == ([(3, 3)], [(1, 0)], [(0, 0), (0, 0)])


def test_an_engine_alone_may_use_the_whole_queue():
    async def scene():
        slow, cheap = Slots(1), Slots(4, cheap=True)
        admission = Admission(4, 2, [slow, cheap])
        found = await requests(admission, slow, 4)
        refused = [one.task.exception() for one in found if one.task.done()]
        seen = counted(admission, slow)
        await end_all(*found[:3])
        return seen, [type(error) for error in refused]

    assert asyncio.run(scene()) == ([(1, 2)], [QueueFull])


def test_the_newest_beyond_an_engine_s_share_is_evicted_and_the_others_move_up():
    async def scene():
        slow, cheap = Slots(1), Slots(1, cheap=True)
        admission = Admission(1, 3, [slow, cheap])
        flood = await requests(admission, cheap, 4)
        new = await request(admission, slow)
        with pytest.raises(QueueFull, match="gave way") as given:
            await flood[3].task
        seen = counted(admission, slow, cheap)
        await end_all(*flood[:3], new)
        return seen, given.value.retry_after, [one.positions for one in (*flood, new)]

    assert asyncio.run(scene()) == ([(0, 1), (1, 2)], 15, [[], [1], [2, 1], [3], [1]])


def test_requests_that_fall_back_keep_no_other_from_its_share():
    """A crowd that falls back from one engine may fill another's queue beyond its share."""

    async def again(admission, slots):
        async with admission.slot(slots, [].append, admitted=True):
            await asyncio.sleep(60)

    async def scene():
        one, two = Slots(1), Slots(1)
        admission = Admission(2, 4, [one, two])
        crowd = [asyncio.create_task(again(admission, two)) for _ in range(7)]
        found = await requests(admission, one, 3)
        seen = counted(admission, one, two)
        for task in crowd:
            task.cancel()
        await asyncio.gather(*crowd, return_exceptions=True)
        await end_all(*found)
        return seen

    assert asyncio.run(scene()) == [(1, 2), (1, 2)]


@pytest.mark.parametrize(("queue_size", "waiting"), [(0, 0), (1, 1), (4, 4)])
def test_a_crowd_that_falls_back_keeps_none_from_an_idle_engine_and_all_stay_bounded(queue_size, waiting):
    async def scene():
        one, two = Slots(1), Slots(1)
        admission = Admission(2, queue_size, [one, two])
        crowd = [await request(admission, two, admitted=True) for _ in range(9)]
        found = await requests(admission, one, 1)
        seen = counted(admission, one, two)
        await end_all(*crowd, *found)
        return seen

    assert asyncio.run(scene()) == [(1, 0), (1, waiting)]


def test_a_crowd_that_falls_back_is_bounded():
    """Requests that fail at once, by no fault of the engine, could otherwise fill the worker's threads."""

    async def again(admission, slots):
        async with admission.slot(slots, [].append, admitted=True):
            await asyncio.sleep(60)

    async def scene():
        one, two = Slots(1), Slots(1)
        admission = Admission(2, 4, [one, two])
        crowd = [asyncio.create_task(again(admission, two)) for _ in range(50)]
        await asyncio.sleep(0.05)
        seen = [counted(admission, one, two)]
        refused = [task for task in crowd if task.done()]
        assert all(isinstance(task.exception(), QueueFull) for task in refused)
        seen.append(len(refused))
        for task in crowd:
            task.cancel()
        await asyncio.gather(*crowd, return_exceptions=True)
        return seen

    assert asyncio.run(scene()) == [[(0, 0), (1, 5)], 44]


def test_one_that_is_cancelled_as_it_gets_its_slot_releases_it():
    async def scene():
        slots = Slots(1)
        admission = Admission(1, 5, [slots])
        first, second, third = await requests(admission, slots, 3)
        second.task.cancel()
        first.task.cancel()
        await settled()
        seen = counted(admission, slots)
        await third.end()
        third.task.cancel()
        await settled()
        return seen, counted(admission, slots)

    assert asyncio.run(scene()) == ([(1, 0)], [(0, 0)])
