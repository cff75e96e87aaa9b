"""The loop's thread and the queue before the engines."""

import asyncio

import pytest

from render_worker.errors import DeadlinePassed, Stopping, WorkerBusy
from render_worker.runtime import Admission, Runtime


@pytest.fixture
def runtime():
    runtime = Runtime()
    runtime.start()
    yield runtime
    runtime.stop(asyncio.sleep(0))


def test_it_works(runtime):
    assert runtime.run(asyncio.sleep(0, "done"), 1) == "done"


def test_the_deadline_cancels_the_work(runtime):
    ended = []

    async def work():
        try:
            await asyncio.sleep(60)
        finally:
            ended.append("cleaned up")

    with pytest.raises(DeadlinePassed):
        runtime.run(work(), 0.05)
    assert ended == ["cleaned up"]


def test_work_that_does_not_let_go_keeps_nobody_waiting(runtime, monkeypatch):
    monkeypatch.setattr("render_worker.runtime.CLEAN_UP_SECONDS", 0.1)

    async def stubborn():
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            await asyncio.sleep(1)

    with pytest.raises(DeadlinePassed):
        runtime.run(stubborn(), 0.05)


def test_a_stop_ends_running_work_with_its_own_error():
    runtime = Runtime()
    runtime.start()

    async def stop_soon():
        asyncio.get_running_loop().run_in_executor(None, runtime.stop, asyncio.sleep(0))
        await asyncio.sleep(60)

    with pytest.raises(Stopping):
        runtime.run(stop_soon(), 30)


def test_the_queue_s_bounds_are_exact(runtime):
    async def scene():
        admission, places, release = Admission(2, 3), asyncio.Semaphore(1), asyncio.Event()

        async def caller():
            async with admission.place(places):
                await release.wait()

        callers = [asyncio.create_task(caller()) for _ in range(4)]
        await asyncio.sleep(0)
        full = admission.health()
        with pytest.raises(WorkerBusy):
            await caller()
        other = asyncio.Semaphore(1)
        async with admission.place(other):  # another engine's place is free, and so is the second of all
            beside = admission.health()
        callers[1].cancel()
        await asyncio.sleep(0)
        after_cancel = admission.health()
        release.set()
        await asyncio.gather(*callers, return_exceptions=True)
        return full, beside, after_cancel, admission.health(), admission.must_wait(places)

    full, beside, after_cancel, empty, must_wait = runtime.run(scene(), 5)
    assert (full.running, full.waiting) == (1, 3)
    assert (beside.running, beside.waiting) == (2, 3)
    assert (after_cancel.running, after_cancel.waiting) == (1, 2)
    assert (empty.running, empty.waiting, must_wait) == (0, 0, False)
