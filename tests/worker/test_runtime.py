"""The runtime: the thread of the event loop."""

import asyncio
import threading

import pytest

from render_worker.errors import DeadlinePassed, Stopping
from render_worker.runtime import Runtime


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
