"""Work in threads of its own: shared by those that wait for it at a time, and left to the others by one that goes."""

import asyncio
import threading

import pytest

from render_worker.engines.diffusers.shared_work import SharedWork


class Slow:
    """A function that returns once it may."""

    def __init__(self, error: Exception | None = None) -> None:
        self.may_end = threading.Event()
        self.calls: list[str] = []
        self.error = error

    def __call__(self, name: str) -> str:
        self.calls.append(name)
        self.may_end.wait(20)
        if self.error:
            raise self.error
        return f"{name} is there"


def test_those_that_wait_for_the_same_share_one_call():
    slow = Slow()

    async def work() -> list[str]:
        shared = SharedWork("test")
        waiting = [asyncio.create_task(shared.run_once("a", slow)) for _ in range(3)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        await asyncio.sleep(0)
        slow.may_end.set()
        found = [await it for it in waiting[1:]]
        assert waiting[0].cancelled()
        return [*found, await shared.run_once("a", slow)]

    assert asyncio.run(work()) == ["a is there"] * 3
    assert slow.calls == ["a", "a"]  # the last one came after the first had ended


def test_work_that_hangs_holds_up_neither_the_loop_s_threads_nor_other_work():
    slow = Slow()

    async def work() -> tuple[str, str]:
        shared = SharedWork("test")
        hanging = [asyncio.create_task(shared.run_once(f"slow {number}", slow)) for number in range(8)]
        await asyncio.sleep(0)
        for it in hanging:
            it.cancel()
        found = await shared.run(str.upper, "quick"), await asyncio.to_thread(str.upper, "picture")
        slow.may_end.set()
        return found

    assert asyncio.run(work()) == ("QUICK", "PICTURE")


def test_an_error_reaches_each_that_waits():
    slow = Slow(ValueError("broken"))
    slow.may_end.set()

    async def work() -> list[object]:
        shared = SharedWork("test")
        return await asyncio.gather(*(shared.run_once("a", slow) for _ in range(2)), return_exceptions=True)

    assert [str(it) for it in asyncio.run(work())] == ["broken", "broken"]


@pytest.mark.parametrize("times", [1, 2])
def test_it_is_closed_without_a_wait(times):
    shared = SharedWork("test")
    for _ in range(times):
        shared.close()
