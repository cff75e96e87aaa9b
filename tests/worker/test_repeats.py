"""A request that arrives more than once."""

import asyncio

import pytest

from render_worker.contract import GenerateRequest
from render_worker.errors import EngineError
from render_worker.repeats import Repeats


class Works:
    """Counts what is asked of it, and takes its time."""

    def __init__(self, failures: int = 0) -> None:
        self.asked: list[GenerateRequest] = []
        self.ended = 0
        self._failures = failures

    async def generate(self, request: GenerateRequest) -> str:
        self.asked.append(request)
        try:
            await asyncio.sleep(0.05)
        finally:
            self.ended += 1
        if len(self.asked) <= self._failures:
            raise EngineError("It failed.")
        return f"picture {len(self.asked)}"


def request(request_id: str = "one", **fields: object) -> GenerateRequest:
    return GenerateRequest(**{"prompt": "a tree", "request_id": request_id, **fields})


@pytest.mark.parametrize("pause", [0, 0.1], ids=["while it runs", "afterwards"])
def test_a_repeat_with_less_time_gets_the_first_one_s_picture(pause):
    async def scene():
        first = asyncio.create_task(repeats.generate(request(timeout_seconds=20)))
        await asyncio.sleep(pause)
        return await first, await repeats.generate(request(timeout_seconds=19.5))

    repeats = Repeats((works := Works()).generate)
    assert asyncio.run(scene()) == ("picture 1", "picture 1")
    assert len(works.asked) == 1


@pytest.mark.parametrize(
    "others", [("two", {}), ("one", {"seed": 5}), ("-", {})], ids=["another id", "another recipe", "no id"]
)
def test_other_requests_get_pictures_of_their_own(others):
    async def scene():
        other_id, fields = others
        mine = [repeats.generate(request(other_id, **fields)) for _ in range(2)]
        return await asyncio.gather(repeats.generate(request()), *mine)

    repeats = Repeats((works := Works()).generate)
    asyncio.run(scene())
    assert len(works.asked) == (3 if others[0] == "-" else 2)


def test_a_failure_is_told_to_all_and_remembered_for_nobody():
    async def scene():
        both = await asyncio.gather(*(repeats.generate(request()) for _ in range(2)), return_exceptions=True)
        return both, await repeats.generate(request())

    repeats = Repeats(Works(failures=1).generate)
    both, again = asyncio.run(scene())
    assert [type(error) for error in both] == [EngineError, EngineError]
    assert again == "picture 2"


def test_the_work_ends_with_the_last_who_waits_for_it():
    async def scene():
        async def within(seconds):
            async with asyncio.timeout(seconds):
                return await repeats.generate(request())

        hasty, patient = await asyncio.gather(within(0.01), within(1), return_exceptions=True)
        assert isinstance(hasty, TimeoutError)
        assert patient == "picture 1"
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await repeats.generate(request("two"))
        assert works.ended == 2  # and not only asked to end

    repeats = Repeats((works := Works()).generate)
    asyncio.run(scene())
