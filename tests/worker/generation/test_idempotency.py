"""Idempotent retries: a request that arrives more than once."""

import asyncio

import pytest

from render_worker.budgets.expense import Expense
from render_worker.contract import GenerateRequest, Progress
from render_worker.errors import EngineError, Superseded
from render_worker.generation.idempotency import IdempotentRequests
from render_worker.generation.movable_deadline import MovableDeadline
from render_worker.generation.progress import OnProgress


class Works:
    """A slow pipeline that counts its requests."""

    def __init__(self, failures: int = 0, clean_up: float = 0) -> None:
        self.asked: list[GenerateRequest] = []
        self.ended = self.at_once = self._running = 0
        self._failures, self._clean_up = failures, clean_up

    async def generate(
        self, request: GenerateRequest, on_progress: OnProgress, deadline: MovableDeadline, expense: Expense
    ) -> str:
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


def test_a_retry_supersedes_the_first_and_gets_its_picture():
    async def scene():
        first = asyncio.create_task(requests.generate(request(timeout_seconds=20)))
        await asyncio.sleep(0.01)
        second = await requests.generate(request(timeout_seconds=19.5))
        with pytest.raises(Superseded):
            await first
        return second, await requests.generate(request(timeout_seconds=19))

    requests = IdempotentRequests((works := Works()).generate)
    assert asyncio.run(scene()) == ("picture 1", "picture 1")
    assert len(works.asked) == 1


def test_a_retry_extends_the_deadline_to_its_own():
    async def scene():
        first = asyncio.create_task(requests.generate(request(timeout_seconds=5)))
        await asyncio.sleep(0.01)
        await requests.generate(request(timeout_seconds=50))
        with pytest.raises(Superseded):
            await first

    requests = IdempotentRequests((works := Works()).generate)
    asyncio.run(scene())
    assert 49 < works.remaining < 50


def test_a_retry_at_any_moment_makes_no_second_picture():
    async def scene():
        retries = [asyncio.create_task(requests.generate(request()))]
        for _ in range(200):  # a retry at each turn of the loop, until and after the picture is made
            retries.append(retry := asyncio.create_task(requests.generate(request())))
            await asyncio.sleep(0.0005)
            if retry.done():
                assert retry.result() == "picture 1"
        return await asyncio.gather(*retries, return_exceptions=True)

    requests = IdempotentRequests((works := Works()).generate)
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
        return await asyncio.gather(requests.generate(request()), requests.generate(other))

    requests = IdempotentRequests((works := Works()).generate)
    asyncio.run(scene())
    assert len(works.asked) == 2


def test_requests_without_an_id_are_never_taken_for_retries():
    async def scene():
        return await asyncio.gather(*(requests.generate(request("-")) for _ in range(2)))

    requests = IdempotentRequests((works := Works()).generate)
    asyncio.run(scene())
    assert len(works.asked) == 2


def test_a_failure_is_raised_and_not_remembered():
    async def scene():
        with pytest.raises(EngineError):
            await requests.generate(request())
        return await requests.generate(request())

    requests = IdempotentRequests(Works(failures=1).generate)
    assert asyncio.run(scene()) == "picture 2"


def test_the_generation_ends_with_the_timeout_of_the_last_that_waits_for_it():
    async def within(seconds):
        async with asyncio.timeout(seconds):
            return await requests.generate(request())

    async def scene():
        first, last = asyncio.create_task(within(0.03)), asyncio.create_task(within(0.01))
        with pytest.raises(TimeoutError):
            await last
        assert works.ended == 1  # and not only asked to end
        with pytest.raises(Superseded):
            await first
        assert await within(1) == "picture 2"

    requests = IdempotentRequests((works := Works()).generate)
    asyncio.run(scene())


def test_a_retry_waits_for_the_end_of_an_abandoned_generation():
    async def scene():
        first = asyncio.create_task(requests.generate(request()))
        await asyncio.sleep(0.01)
        first.cancel()
        await asyncio.sleep(0)
        assert await requests.generate(request()) == "picture 2"
        assert works.at_once == 1

    requests = IdempotentRequests((works := Works(clean_up=0.02)).generate)
    asyncio.run(scene())


def test_a_retry_gets_the_latest_progress_and_all_that_follows():
    first_progress: list[Progress] = []
    second_progress: list[Progress] = []

    async def scene():
        first = asyncio.create_task(requests.generate(request(), first_progress.append))
        await asyncio.sleep(0.01)
        await requests.generate(request(), second_progress.append)
        with pytest.raises(Superseded):
            await first
        return await requests.generate(request(), second_progress.append)  # a remembered result has no progress

    requests = IdempotentRequests(Works().generate)
    asyncio.run(scene())
    assert [progress.phase for progress in first_progress] == ["starting", "generating"]
    assert [progress.phase for progress in second_progress] == ["generating", "saving"]
