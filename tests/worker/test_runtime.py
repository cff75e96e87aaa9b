"""The runtime: the thread of the event loop."""

import asyncio
import gc
import threading

import pytest

from render_worker.errors import DeadlinePassed, Stopping
from render_worker.runtime import Runtime
from tests.fakes.processes import wait_until


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


def test_work_that_does_not_end_is_not_waited_for(runtime, monkeypatch):
    monkeypatch.setattr("render_worker.runtime.CLEAN_UP_SECONDS", 0.1)

    async def stubborn():
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            await asyncio.sleep(1)

    with pytest.raises(DeadlinePassed):
        runtime.run(stubborn(), 0.05)


def test_a_shutdown_ends_running_work_with_its_own_error():
    runtime = Runtime()
    runtime.start()

    async def stop_soon():
        asyncio.get_running_loop().run_in_executor(None, runtime.stop, asyncio.sleep(0))
        await asyncio.sleep(60)

    with pytest.raises(Stopping):
        runtime.run(stop_soon(), 30)


def forever():
    return asyncio.sleep(60)


async def stubborn():
    try:
        await forever()
    except asyncio.CancelledError:
        await forever()


async def failing():
    try:
        await forever()
    finally:
        raise RuntimeError("amid its end")


async def shielding():
    await asyncio.shield(asyncio.create_task(forever()))


@pytest.mark.parametrize("work", [forever, stubborn, failing, shielding])
@pytest.mark.parametrize("last", [lambda: asyncio.sleep(0), forever], ids=["in time", "late"])
@pytest.mark.parametrize("is_awaited", [True, False], ids=["awaited", "left"])
def test_a_stop_leaves_no_task_to_the_garbage_collector(monkeypatch, caplog, work, last, is_awaited):
    monkeypatch.setattr("render_worker.runtime.CLEAN_UP_SECONDS", 0.1)
    monkeypatch.setattr("render_worker.runtime.STOP_SECONDS", 0.2)
    gc.collect()  # what other tests left
    caplog.clear()
    runtime, begun, tasks = Runtime(), threading.Event(), []
    runtime.start()

    async def begin():
        task = asyncio.create_task(work())
        await asyncio.sleep(0.01)
        tasks.extend(asyncio.all_tasks() - {asyncio.current_task()})
        begun.set()
        if is_awaited:
            await task

    runtime.submit(begin())
    assert begun.wait(30)
    runtime.stop(last())
    wait_until(lambda: all(task.done() for task in tasks), "the end of all tasks")
    tasks.clear()
    gc.collect()
    assert not [it for it in caplog.records if it.name == "asyncio"]


def test_work_that_expires_has_passed_its_deadline(runtime):
    begun, called = threading.Event(), []

    async def sleep():
        begun.set()
        await asyncio.sleep(60)

    work = runtime.begin(sleep(), 30)
    work.when_done(lambda: called.append(True))
    begun.wait(30)
    work.expire()
    assert called
    with pytest.raises(DeadlinePassed):
        work.result()
