"""Cancellation of a request by its id: in flight, sent again, and before it comes."""

import asyncio
import math

import pytest

from render_worker.cancellation import Cancelled
from render_worker.generation import idempotency
from render_worker.generation.idempotency import MAX_CANCELLED, IdempotentRequests
from tests.worker.generation.test_idempotency import Works, request


def in_scene(scene, **works: float):
    """Run a scene with a slow pipeline and the requests to it; return the pipeline."""
    pipeline = Works(**works)
    asyncio.run(scene(IdempotentRequests(pipeline.generate), pipeline))
    return pipeline


async def ended(work) -> BaseException | object:
    (outcome,) = await asyncio.gather(work, return_exceptions=True)
    return outcome


def test_it_works():
    async def scene(requests, works):
        first = asyncio.create_task(requests.generate(request()))
        await asyncio.sleep(0.01)
        await requests.cancel("one")
        error = await ended(first)
        assert (type(error), error.code, error.status) == (Cancelled, "cancelled", 409)

    works = in_scene(scene)
    assert (len(works.asked), works.ended) == (1, 1)
    assert not hasattr(works, "remaining")  # it did not come to its end


def test_another_request_for_the_same_picture_goes_on():
    async def scene(requests, works):
        one, two = (asyncio.create_task(requests.generate(request(name))) for name in ("one", "two"))
        await asyncio.sleep(0.01)
        await requests.cancel("one")
        assert await two == "picture 2"
        assert isinstance(await ended(one), Cancelled)

    in_scene(scene)


def test_all_recipes_of_its_id_end():
    async def scene(requests, works):
        both = [asyncio.create_task(requests.generate(request(prompt=prompt))) for prompt in ("a tree", "a boat")]
        await asyncio.sleep(0.01)
        await requests.cancel("one")
        assert [type(await ended(it)) for it in both] == [Cancelled, Cancelled]

    assert in_scene(scene).ended == 2


@pytest.mark.parametrize("turns", range(6))
def test_it_may_come_at_any_turn_of_the_loop(turns):
    async def scene(requests, works):
        generation = asyncio.create_task(requests.generate(request()))
        for _ in range(turns):
            await asyncio.sleep(0)
        await requests.cancel("one")
        assert isinstance(await ended(generation), Cancelled)
        assert not requests._in_flight
        assert isinstance(await ended(requests.generate(request())), Cancelled)

    works = in_scene(scene)
    assert works.ended == len(works.asked) <= 1


def test_a_request_that_comes_after_it_is_refused_and_costs_nothing():
    async def scene(requests, works):
        await requests.cancel("one")
        assert isinstance(await ended(requests.generate(request())), Cancelled)
        assert await requests.generate(request("two")) == "picture 1"

    assert len(in_scene(scene).asked) == 1


def test_it_is_forgotten_after_a_minute(monkeypatch):
    monkeypatch.setattr(idempotency, "CANCELLED_TTL_SECONDS", 0.01)

    async def scene(requests, works):
        await requests.cancel("one")
        await asyncio.sleep(0.05)
        assert await requests.generate(request()) == "picture 1"

    in_scene(scene)


def test_so_many_are_remembered():
    async def scene(requests, works):
        for number in range(MAX_CANCELLED + 1):
            await requests.cancel(f"id-{number}")
        assert len(requests._cancelled) == MAX_CANCELLED
        assert isinstance(await ended(requests.generate(request(f"id-{MAX_CANCELLED}"))), Cancelled)

    in_scene(scene)


def test_a_retry_that_waits_gets_it_and_so_does_the_next():
    async def scene(requests, works):
        first = asyncio.create_task(requests.generate(request()))
        await asyncio.sleep(0.01)
        retry = asyncio.create_task(requests.generate(request()))
        await asyncio.sleep(0.01)
        await requests.cancel("one")
        late = asyncio.create_task(requests.generate(request()))
        assert (await ended(first)).code == "superseded"
        assert [type(await ended(it)) for it in (retry, late)] == [Cancelled, Cancelled]

    assert in_scene(scene, clean_up=0.05).ended == 1


def test_what_is_cleaning_up_is_not_cut_short_by_another():
    async def scene(requests, works):
        first = asyncio.create_task(requests.generate(request()))
        await asyncio.sleep(0.01)
        await asyncio.gather(*(requests.cancel("one") for _ in range(50)))
        assert works.ended == 0
        first.cancel()
        await ended(first)
        assert works.ended == 1

    in_scene(scene, clean_up=0.05)


def test_one_near_the_deadline_is_no_timeout():
    deadlines = []

    async def hang(request, on_progress, deadline, expense):
        deadlines.append(deadline)
        await asyncio.sleep(10)

    async def scene():
        requests = IdempotentRequests(hang)
        first = asyncio.create_task(requests.generate(request(timeout_seconds=0.4)))
        await asyncio.sleep(0.01)
        await requests.cancel("one")
        assert isinstance(await ended(first), Cancelled)

    asyncio.run(scene())
    assert deadlines[0].remaining == math.inf


def test_one_that_comes_too_late_changes_nothing():
    async def scene(requests, works):
        assert await requests.generate(request()) == "picture 1"
        await requests.cancel("one")
        assert await requests.generate(request("two")) == "picture 2"

    in_scene(scene)
