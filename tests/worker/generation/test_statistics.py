"""Which attempts count for an engine's success rate, and what GET /models says of an engine."""

import asyncio
import contextlib

import pytest

from render_worker.contract import GenerateRequest
from render_worker.errors import (
    ContentRefused,
    EngineError,
    EngineRateLimited,
    InvalidParameter,
    RequestInvalid,
    WorkerError,
)
from tests.fakes.played import Played, ask, pipelines


@pytest.fixture
def pipeline_of(tmp_path):
    return pipelines(tmp_path)


def rate_after(pipeline, engine, does):
    engine.does = does
    with contextlib.suppress(WorkerError):
        ask(pipeline, model=engine.name)
    return pipeline._latencies.success_rate(engine.name)


def test_pictures_and_the_engine_s_failures_count(pipeline_of):
    one = Played("one")
    pipeline = pipeline_of(one)
    found = [rate_after(pipeline, one, does) for does in (None, EngineError("No."), "rubbish")]
    assert found == [1, 0.5, pytest.approx(1 / 3)]
    assert rate_after(pipeline, one, EngineRateLimited("Full.", 0)) == 0.25


def test_what_the_request_caused_does_not_count(pipeline_of):
    one = Played("one")
    pipeline = pipeline_of(one)
    refusals = (ContentRefused("No."), RequestInvalid("No."), InvalidParameter("prompt must not."))
    assert [rate_after(pipeline, one, does) for does in refusals] == [None] * 3


def test_a_cancelled_attempt_does_not_count(pipeline_of):
    pipeline = pipeline_of(Played("one", "hang"))

    async def left():
        asking = asyncio.create_task(pipeline.generate(GenerateRequest(prompt="a", model="one")))
        await asyncio.sleep(0.05)
        asking.cancel()
        await asyncio.wait({asking})

    asyncio.run(left())
    assert pipeline._latencies.success_rate("one") is None


def test_an_attempt_that_had_its_time_counts(pipeline_of):
    pipeline = pipeline_of(Played("one", "hang", usual=0.1), Played("two", usual=0.1))
    ask(pipeline, timeout_seconds=1)
    assert (pipeline._latencies.success_rate("one"), pipeline._latencies.success_rate("two")) == (0, 1)


def test_one_that_is_not_attempted_does_not_count(pipeline_of):
    one = Played("one", EngineError("No."))
    pipeline = pipeline_of(one, Played("two"), failures=1)
    for _ in range(3):
        ask(pipeline)
    assert (len(one.recipes), len(pipeline._latencies._outcomes["one"])) == (1, 1)


def test_models_say_it(pipeline_of):
    pipeline = pipeline_of(Played("one", price=0.0, quality=3), Played("two", EngineError("No.")), prices={"two": 0.04})
    ask(pipeline, model="one")
    with pytest.raises(EngineError):
        ask(pipeline, model="two")
    one, two = pipeline.selector.models()
    assert (one.price, one.quality, one.success_rate) == (0, 3, 1)
    assert one.p50_seconds == one.p90_seconds >= 0
    assert (two.price, two.success_rate, two.p50_seconds) == (0.04, 0, None)
