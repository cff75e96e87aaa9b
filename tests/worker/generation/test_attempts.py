"""Attempts at a request, and its fallback from one engine to the next."""

import asyncio
import time
from types import SimpleNamespace

import pytest

from render_worker.contract import GenerateRequest
from render_worker.errors import (
    ContentRefused,
    EngineError,
    EngineFault,
    EngineRateLimited,
    InvalidParameter,
    PhaseTimeout,
    WorkerBusy,
)
from render_worker.generation.admission import CURRENT_CLIENT
from render_worker.generation.attempt import attempts
from render_worker.generation.movable_deadline import MovableDeadline
from render_worker.serving.deadline import Deadline
from tests.fakes.played import Played, ask, over, pipelines, refused
from tests.fakes.virtual_time import run_virtually


@pytest.fixture
def pipeline_of(tmp_path):
    return pipelines(tmp_path)


def test_the_next_one_answers_if_the_first_cannot(pipeline_of):
    result, told = ask(pipeline_of(Played("one", EngineRateLimited("Full.", 60)), Played("two")))
    assert (result.engine, over(result)) == ("two", [("one", "engine_rate_limited")])
    assert any(news.message == "one cannot make it now (engine_rate_limited); asking two." for news in told)


def test_the_last_failure_is_raised_with_those_before_it(pipeline_of):
    pipeline = pipeline_of(Played("one", EngineRateLimited("Full.", 60)), Played("two", PhaseTimeout("Slow.")))
    error = refused(pipeline, PhaseTimeout)
    assert over(error) == [("one", "engine_rate_limited")]
    assert error.body().fallback_from == error.fallback_from


def test_a_refused_content_is_not_tried_elsewhere(pipeline_of):
    second = Played("two")
    unconfigured = Played("three", missing="No key.")
    error = refused(pipeline_of(Played("one", ContentRefused("No.")), second, unconfigured), ContentRefused)
    assert (second.recipes, error.fallback_from) == ([], None)  # later candidates have nothing to do with it


def test_a_prompt_that_one_cannot_read_goes_to_the_next(pipeline_of):
    result, _ = ask(pipeline_of(Played("one", InvalidParameter("prompt must not.")), Played("two")))
    assert over(result) == [("one", "invalid_parameter")]


def test_a_named_engine_never_falls_back(pipeline_of):
    second = Played("two")
    error = refused(pipeline_of(Played("one", EngineError("No.")), second), EngineError, model="one")
    assert (error.fallback_from, second.recipes) == (None, [])


def test_an_engine_s_bug_is_logged_and_the_next_one_asked(pipeline_of, caplog):
    class Broken(Played):
        async def generate(self, recipe, report):
            raise ZeroDivisionError("the details")

    pipeline = pipeline_of(Broken("one"), Played("two"))
    assert over(ask(pipeline)[0]) == [("one", "internal_error")]
    assert "ZeroDivisionError: the details" in caplog.text
    error = refused(pipeline, EngineFault, model="one")
    assert (error.status, "details" in str(error)) == (500, False)


def test_if_all_breakers_are_open_the_one_that_closes_soonest_is_named(pipeline_of):
    pipeline = pipeline_of(
        Played("one", EngineRateLimited("Long.", 90)), Played("two", EngineRateLimited("Short.", 30))
    )
    refused(pipeline, EngineRateLimited)
    error = refused(pipeline, EngineRateLimited)
    assert (str(error), error.retry_after) == ("Short.", 30)
    assert over(error) == [("one", "engine_rate_limited")]
    assert not pipeline.selector.ready


def test_one_that_hangs_leaves_time_for_the_next(pipeline_of):
    first = Played("one", "hang", usual=1.2)
    result, _ = ask(pipeline_of(first, Played("two", usual=1.6)), timeout_seconds=4)
    assert (result.engine, over(result), first.cancelled) == ("two", [("one", "timeout")], 1)
    assert 1800 <= result.duration_ms <= 3600


def test_one_with_fallbacks_gets_all_but_what_they_need(pipeline_of):
    pipeline = pipeline_of(Played("one", usual=30), Played("two", usual=60))
    request = GenerateRequest(prompt="a", timeout_seconds=300)

    def remaining(seconds):
        deadline = SimpleNamespace(remaining=seconds)
        return [round(it.deadline.remaining, 1) for it in attempts(pipeline.selector.select(request), deadline)]

    found = [it for both in zip(remaining(300), remaining(100), strict=True) for it in both]
    # of 300 seconds 90 and some for saving remain for the second; of 100 half of them
    assert found == [208, 50, 298, 98]


def test_time_is_shared_equally_if_it_is_short(pipeline_of):
    engines = [Played(name, "hang", usual=60) for name in ("one", "two", "three")]
    begun = time.monotonic()
    error = refused(pipeline_of(*engines), PhaseTimeout, timeout_seconds=6)
    assert over(error) == [("one", "timeout"), ("two", "timeout")]
    first, second = (engine.ended - begun for engine in engines[:2])
    assert 1.5 < first < 3
    assert 3.5 < second < 5


def test_one_that_hangs_again_and_again_opens_its_breaker(pipeline_of):
    first = Played("one", "hang", usual=0.2)
    pipeline = pipeline_of(first, Played("two", usual=0.2), failures=2)
    answers = [over(ask(pipeline, timeout_seconds=1)[0]) for _ in range(3)]
    assert answers[-1] == [("one", "engine_resting")]
    assert len(first.recipes) == 2


@pytest.mark.parametrize(("usual", "remaining", "breaker"), [(0.2, 0, "open"), (60, 0, "closed"), (0.2, 30, "closed")])
def test_one_that_hangs_alone_until_the_deadline_has_failed_too(pipeline_of, usual, remaining, breaker):
    """Except if the time was short, or it was not the deadline that ended it."""
    pipeline = pipeline_of(Played("one", "hang", usual=usual), failures=1)

    async def until_the_deadline():
        async with asyncio.timeout(1):
            await pipeline.generate(
                GenerateRequest(prompt="a tree"), deadline=MovableDeadline(Deadline.after(remaining))
            )

    with pytest.raises(TimeoutError):
        asyncio.run(until_the_deadline())
    assert pipeline.selector.health("one").breaker == breaker


def test_a_timeout_below_the_p90_is_no_failure(pipeline_of):
    first = Played("one", "hang", usual=60)
    pipeline = pipeline_of(first, Played("two", usual=0.1), failures=1)
    answers = [over(ask(pipeline, timeout_seconds=1)[0]) for _ in range(3)]
    assert answers == [[("one", "timeout")]] * 3
    assert pipeline.selector.health("one").breaker == "closed"


def test_a_slot_that_would_come_too_late_is_not_waited_for(pipeline_of, monkeypatch):
    """Under load the first engine makes what it can, and begins nothing that it has to cancel."""
    first = Played("one", "slow", usual=0.3, slots=1)
    pipeline = pipeline_of(first, Played("two", usual=0.3), queue_size=50)
    for preflight in pipeline.storages._preflights.values():
        preflight._blocks = False  # in a thread it would take time

    async def crowd():
        asking = []
        for _ in range(30):
            asking.append(asyncio.create_task(pipeline.generate(GenerateRequest(prompt="a", timeout_seconds=1.5))))
            await asyncio.sleep(0.1)
        return await asyncio.gather(*asking)

    results = run_virtually(crowd(), monkeypatch)
    by_first = sum(result.engine == "one" for result in results)
    assert first.cancelled == 0
    assert 10 <= by_first <= 12  # one after the other for nearly four seconds
    assert {code for result in results for _, code in over(result)} == {WorkerBusy.code}


def test_the_deadline_in_the_last_one_names_those_before(pipeline_of):
    pipeline = pipeline_of(Played("one", EngineError("No.")), Played("two", "hang", usual=0.1), failures=1)
    error = refused(pipeline, PhaseTimeout, timeout_seconds=1)
    assert over(error) == [("one", "engine_failed")]
    assert pipeline.selector.health("two").breaker == "open"


def test_so_it_does_if_the_breakers_of_those_before_are_open(pipeline_of):
    pipeline = pipeline_of(Played("one", EngineRateLimited("Wait.", 50)), Played("two", "hang", usual=9))
    for _ in range(2):
        error = refused(pipeline, PhaseTimeout, timeout_seconds=1)
        assert over(error) == [("one", "engine_rate_limited")]


def test_what_is_no_picture_is_the_engines_failure(pipeline_of):
    first = Played("one", "rubbish")
    pipeline = pipeline_of(first, Played("two"), failures=2)
    answers = [over(ask(pipeline)[0]) for _ in range(3)]
    assert answers == [[("one", "picture_unreadable")]] * 2 + [[("one", "engine_resting")]]


def test_a_prompt_that_the_last_cannot_read_does_not_hide_an_outage(pipeline_of):
    pipeline = pipeline_of(Played("one", EngineError("No.")), Played("two", InvalidParameter("prompt must not.")))
    error = refused(pipeline, EngineError)
    assert (str(error), over(error)) == ("No.", [("two", "invalid_parameter")])


def test_a_request_that_falls_back_is_not_refused_for_later_ones(pipeline_of):
    """All that wait for one engine fall back to another at once when it fails."""
    first, second = Played("one", "late failure", slots=1), Played("two", "slow", slots=1, usual=0.1)
    pipeline = pipeline_of(first, second, queue_size=3)

    async def crowd():
        asking = (pipeline.generate(GenerateRequest(prompt="a", timeout_seconds=30)) for _ in range(4))
        return await asyncio.gather(*asking)

    assert [result.engine for result in asyncio.run(crowd())] == ["two"] * 4


def test_a_full_engine_falls_back_too(pipeline_of):
    pipeline = pipeline_of(Played("one", "hang", slots=1), Played("two"), queue_size=0)

    async def both():
        first = asyncio.create_task(pipeline.generate(GenerateRequest(prompt="a", model="one")))
        await asyncio.sleep(0.05)
        second = await pipeline.generate(GenerateRequest(prompt="b"))
        first.cancel()
        return second

    assert over(asyncio.run(both())) == [("one", WorkerBusy.code)]


def test_every_answer_and_failure_is_counted(pipeline_of):
    pipeline = pipeline_of(Played("one", EngineRateLimited("Full.", 60)), Played("two"))
    ask(pipeline)
    ask(pipeline)
    count = pipeline._metrics.registry.get_sample_value
    assert count("render_worker_pictures_total", {"engine": "two", "storage": "local"}) == 2
    assert count("render_worker_engine_failures_total", {"engine": "one", "code": "engine_rate_limited"}) == 1
    assert count("render_worker_fallbacks_total", {"engine": "one", "code": "engine_rate_limited"}) == 2


def test_an_evicted_request_needs_room_at_the_next_engine_too(pipeline_of):
    """Otherwise the client with most requests would fill the next queue beyond its bounds."""
    engines = [Played("one", "slow", slots=1), Played("two", "slow", slots=1)]
    pipeline = pipeline_of(*engines, queue_size=4)

    def asked(client, model):
        CURRENT_CLIENT.set(client)
        return asyncio.create_task(pipeline.generate(GenerateRequest(prompt="a", model=model, timeout_seconds=60)))

    async def crowd():
        asking = [asked(client, "two") for client in "bcd"]
        asking += [asked("a", "auto") for _ in range(3)]
        await asyncio.sleep(0.05)
        full = [pipeline.admission.queue_depth(engine.slots) for engine in engines]
        asking.append(asked("e", "one"))
        await asyncio.sleep(0.05)
        then = [pipeline.admission.queue_depth(engine.slots) for engine in engines]
        return full, then, await asyncio.gather(*asking, return_exceptions=True)

    full, then, answers = asyncio.run(crowd())
    assert (full, then) == ([2, 2], [2, 2])
    assert [type(answer).__name__ for answer in answers].count("QueueFull") == 1
    assert [getattr(answer, "engine", None) for answer in answers] == ["two"] * 3 + ["one"] * 2 + [None, "one"]
    assert over(answers[5]) == [("one", WorkerBusy.code)]
