"""A request that arrives more than once."""

import asyncio

import pytest

from render_worker.contract import GenerateRequest, Progress
from render_worker.errors import EngineError, Superseded
from render_worker.generation.deadline import MovableDeadline
from render_worker.generation.idempotency import IdempotentRequests
from render_worker.generation.progress import OnProgress


class Works:
    """Counts what is asked of it, and takes its time."""

    def __init__(self, failures: int = 0, clean_up: float = 0) -> None:
        self.asked: list[GenerateRequest] = []
        self.ended = self.at_once = self._running = 0
        self._failures, self._clean_up = failures, clean_up

    async def generate(self, request: GenerateRequest, on_progress: OnProgress, deadline: MovableDeadline) -> str:
        self.asked.append(request)
        self._running += 1
        self.at_once = max(self.at_once, self._running)
        try:
            on_progress(Progress(phase="starting", message=""))
            on_progress(Progress(phase="generating", message=""))
            await asyncio.sleep(0.05)
            on_progress(Progress(phase="saving", message=""))
            self.remaining = deadline.remaining
        finally:
            await asyncio.sleep(self._clean_up)
            self._running -= 1
            self.ended += 1
        if len(self.asked) <= self._failures:
            raise EngineError("It failed.")
        return f"picture {len(self.asked)}"


def request(request_id: str = "one", **fields: object) -> GenerateRequest:
    return GenerateRequest(**{"prompt": "a tree", "request_id": request_id, **fields})


def test_a_repeat_takes_the_place_of_the_first_and_gets_its_picture():
    async def scene():
        first = asyncio.create_task(repeats.generate(request(timeout_seconds=20)))
        await asyncio.sleep(0.01)
        second = await repeats.generate(request(timeout_seconds=19.5))
        with pytest.raises(Superseded):
            await first
        return second, await repeats.generate(request(timeout_seconds=19))

    repeats = IdempotentRequests((works := Works()).generate)
    assert asyncio.run(scene()) == ("picture 1", "picture 1")
    assert len(works.asked) == 1


def test_a_repeat_s_own_time_counts():
    async def scene():
        first = asyncio.create_task(repeats.generate(request(timeout_seconds=5)))
        await asyncio.sleep(0.01)
        await repeats.generate(request(timeout_seconds=50))
        with pytest.raises(Superseded):
            await first

    repeats = IdempotentRequests((works := Works()).generate)
    asyncio.run(scene())
    assert 49 < works.remaining < 50


def test_a_repeat_at_any_moment_makes_no_second_picture():
    async def scene():
        first = asyncio.create_task(repeats.generate(request()))
        for _ in range(200):  # a repeat at each turn of the loop, until and after the picture is made
            repeat = asyncio.create_task(repeats.generate(request()))
            await asyncio.sleep(0.0005)
            if repeat.done():
                assert repeat.result() == "picture 1"
            else:
                repeats_in_vain.append(repeat)
        return await asyncio.gather(first, *repeats_in_vain, return_exceptions=True)

    repeats, repeats_in_vain = IdempotentRequests((works := Works()).generate), []
    found = asyncio.run(scene())
    assert len(works.asked) == 1
    assert (
        {"picture 1"}
        <= {one if isinstance(one, str) else type(one).__name__ for one in found}
        <= {
            "picture 1",
            "Superseded",
        }
    )


@pytest.mark.parametrize("other", [request("two"), request(seed=5), request("-")], ids=["id", "recipe", "no id"])
def test_another_request_gets_a_picture_of_its_own(other):
    async def scene():
        return await asyncio.gather(repeats.generate(request()), repeats.generate(other))

    repeats = IdempotentRequests((works := Works()).generate)
    asyncio.run(scene())
    assert len(works.asked) == 2


def test_requests_without_an_id_are_never_taken_for_repeats():
    async def scene():
        return await asyncio.gather(*(repeats.generate(request("-")) for _ in range(2)))

    repeats = IdempotentRequests((works := Works()).generate)
    asyncio.run(scene())
    assert len(works.asked) == 2


def test_a_failure_is_told_and_not_remembered():
    async def scene():
        with pytest.raises(EngineError):
            await repeats.generate(request())
        return await repeats.generate(request())

    repeats = IdempotentRequests(Works(failures=1).generate)
    assert asyncio.run(scene()) == "picture 2"


def test_the_work_ends_with_the_time_of_the_last_who_waits_for_it():
    async def within(seconds):
        async with asyncio.timeout(seconds):
            return await repeats.generate(request())

    async def scene():
        first, last = asyncio.create_task(within(0.03)), asyncio.create_task(within(0.01))
        with pytest.raises(TimeoutError):
            await last
        assert works.ended == 1  # and not only asked to end
        with pytest.raises(Superseded):
            await first
        assert await within(1) == "picture 2"

    repeats = IdempotentRequests((works := Works()).generate)
    asyncio.run(scene())


def test_a_repeat_waits_for_the_end_of_abandoned_work():
    async def scene():
        first = asyncio.create_task(repeats.generate(request()))
        await asyncio.sleep(0.01)
        first.cancel()
        await asyncio.sleep(0)
        assert await repeats.generate(request()) == "picture 2"
        assert works.at_once == 1

    repeats = IdempotentRequests((works := Works(clean_up=0.02)).generate)
    asyncio.run(scene())


def test_a_repeat_is_told_the_latest_and_then_everything_that_follows():
    first_told: list[Progress] = []
    second_told: list[Progress] = []

    async def scene():
        first = asyncio.create_task(repeats.generate(request(), first_told.append))
        await asyncio.sleep(0.01)
        await repeats.generate(request(), second_told.append)
        with pytest.raises(Superseded):
            await first
        return await repeats.generate(request(), second_told.append)  # what is made already has no news

    repeats = IdempotentRequests(Works().generate)
    asyncio.run(scene())
    assert [progress.phase for progress in first_told] == ["starting", "generating"]
    assert [progress.phase for progress in second_told] == ["generating", "saving"]
