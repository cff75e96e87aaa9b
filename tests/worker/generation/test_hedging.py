"""Hedging: a free candidate beside one that takes long, and the first picture of the two."""

import asyncio
import contextlib
import time

import pytest

from render_worker.contract import GenerateRequest
from render_worker.errors import EngineError
from render_worker.generation.movable_deadline import MovableDeadline
from render_worker.serving.deadline import Deadline
from tests.fakes.played import over, pipelines
from tests.fakes.timed import USUAL, Timed, count, hedged


@pytest.fixture
def pipeline_of(tmp_path):
    make = pipelines(tmp_path)
    return lambda *engines, **options: make(*engines, **{"hedged": True, "failures": 1, **options})


async def begun(engine, asking):
    """Wait until an engine makes a picture, or until the request ends that is to have it do so."""
    while not engine.running and not asking.done():
        await asyncio.sleep(0.01)


def test_the_hedge_answers_if_it_is_first(pipeline_of):
    first, second = Timed("one", 30), Timed("two", 0.05)
    pipeline = pipeline_of(first, second)
    result, told = hedged(pipeline)
    assert (result.engine, over(result), first.cancelled) == ("two", [("one", "too_slow")], 1)
    assert result.duration_ms < 2000
    messages = [it.message for it in told]
    assert messages[:2] == ["one at it.", "one takes longer than usual; asking two beside it."]
    assert "two at it." not in messages
    assert told[-1].phase == "saving"
    assert count(pipeline, "hedges", engine="two") == 1


def test_the_slow_one_answers_if_it_is_first(pipeline_of):
    first, second = Timed("one", 0.4), Timed("two", 30)
    pipeline = pipeline_of(first, second)
    result, told = hedged(pipeline)
    assert (result.engine, over(result), second.cancelled, len(second.recipes)) == ("one", [], 1, 1)
    assert not any("two at it." in it.message for it in told)


def test_one_that_had_its_time_and_was_overtaken_has_not_succeeded(pipeline_of):
    pipeline = pipeline_of(Timed("one", 30), Timed("two", 0.05), failures=2)
    hedged(pipeline)
    assert pipeline.selector.health("one").breaker == "closed"
    assert (pipeline._latencies.success_rate("one"), pipeline._latencies.success_rate("two")) == (0, 1)
    assert pipeline._latencies.p50("one") >= 2 * USUAL
    assert count(pipeline, "engine_failures", engine="one", code="timeout") == 0
    assert count(pipeline, "pictures", engine="two", storage="local") == 1
    assert count(pipeline, "fallbacks", engine="one", code="too_slow") == 1


def test_a_hedge_that_had_less_than_its_time_is_not_held_to_it(pipeline_of):
    pipeline = pipeline_of(Timed("one", 0.3), Timed("two", 30, usual=10))
    hedged(pipeline)
    assert pipeline.selector.health("two").breaker == "closed"
    assert (pipeline._latencies.success_rate("two"), pipeline._latencies.p50("two")) == (None, None)


def test_one_that_is_overtaken_again_and_again_is_left_alone_for_a_while(pipeline_of):
    first = Timed("one", 30)
    pipeline = pipeline_of(first, Timed("two", 0.05), failures=3)
    for _ in range(9):  # once it was quick
        pipeline._latencies.add("one", 0.05)
    answers = [over(hedged(pipeline)[0]) for _ in range(5)]
    assert answers == [[("one", "too_slow")]] * 3 + [[("one", "engine_resting")]] * 2
    assert len(first.recipes) == 3
    assert "one took longer than usual, and two was first." in pipeline.selector.health("one").reason


def test_one_that_is_overtaken_is_no_longer_taken_for_the_fastest(pipeline_of):
    first = Timed("one", 30)
    pipeline = pipeline_of(first, Timed("two", 0.01, usual=0.1), failures=0)
    for _ in range(5):
        pipeline._latencies.add("one", 0.01)
        pipeline._latencies.add("two", 1.2)
    for _ in range(9):
        pipeline._latencies.add_overtaken("one", 3)
    assert over(hedged(pipeline, prefer="fast")[0]) == []
    assert first.recipes == []


def test_it_waits_longer_for_one_that_was_overtaken_but_not_ever_longer(pipeline_of):
    first = Timed("one", 30)
    pipeline = pipeline_of(first, Timed("two", 0.01), failures=0)
    for _ in range(5):
        pipeline._latencies.add("one", 0.1)
    pipeline._latencies.add_overtaken("one", 9)
    begun = time.monotonic()
    hedged(pipeline)
    assert 0.2 <= time.monotonic() - begun < 5


def test_the_log_tells_of_it(pipeline_of, caplog):
    caplog.set_level("INFO")
    hedged(pipeline_of(Timed("one", 30), Timed("two", 0.05)), request_id="r1")
    assert "r1 one takes longer than usual, asking two beside it" in caplog.text
    assert "r1 one was overtaken by two after 0." in caplog.text


def test_a_loser_near_the_deadline_is_counted_once(pipeline_of):
    second = Timed("two", 0.3)
    pipeline = pipeline_of(Timed("one", 30), second, failures=2)

    async def asked():
        deadline = MovableDeadline(Deadline.after(20))
        asking = asyncio.create_task(pipeline.generate(GenerateRequest(prompt="a"), deadline=deadline))
        await begun(second, asking)  # an attempt that begins later would have no time at all
        deadline.move_to(Deadline.after(0))
        return await asking

    assert asyncio.run(asked()).engine == "two"
    assert pipeline.selector.health("one").breaker == "closed"
    assert pipeline._latencies.success_rate("one") == 0
    assert len(pipeline._latencies._outcomes["one"]) == 1


def test_the_picture_is_saved_once(pipeline_of, tmp_path):
    pipeline = pipeline_of(Timed("one", 0.2), Timed("two", 0.1))
    hedged(pipeline)
    assert len(list((tmp_path / "images").glob("*.png"))) == 1


def test_two_that_end_in_the_same_moment_give_one_picture(pipeline_of, tmp_path):
    for delay in (0.19, 0.2, 0.201, 0.21):
        pipeline = pipeline_of(Timed("one", 0.1 + delay), Timed("two", delay))
        result, _ = hedged(pipeline)
        pictures = sum(count(pipeline, "pictures", engine=name, storage="local") for name in ("one", "two"))
        assert (pictures, result.engine in ("one", "two")) == (1, True)


def test_off_by_default(pipeline_of):
    first, second = Timed("one", 0.4), Timed("two", 0.05)
    assert hedged(pipeline_of(first, second, hedged=False))[0].engine == "one"
    assert second.recipes == []


@pytest.mark.parametrize("price", [None, 0.01])
def test_what_costs_anything_is_not_started_beside(pipeline_of, price):
    second = Timed("two", 0.05, price=price)
    assert hedged(pipeline_of(Timed("one", 0.4), second, Timed("three", 0.05)))[0].engine == "one"
    assert second.recipes == []


def test_a_slow_one_that_costs_may_be_overtaken(pipeline_of):
    assert hedged(pipeline_of(Timed("one", 30, price=1), Timed("two", 0.05)))[0].engine == "two"


def test_the_p95_decides_when_it_is_known(pipeline_of):
    first, second = Timed("one", 0.4), Timed("two", 0.05)
    pipeline = pipeline_of(first, second)
    for _ in range(5):
        pipeline._latencies.add("one", 10)
    assert (hedged(pipeline)[0].engine, second.recipes) == ("one", [])
    first.seconds = 30
    for _ in range(200):
        pipeline._latencies.add("one", 0.06)
    assert hedged(pipeline)[0].engine == "two"


def test_only_one_is_started_beside(pipeline_of):
    engines = [Timed("one", 0.7), Timed("two", 30), Timed("three", 0.05)]
    result, _ = hedged(pipeline_of(*engines))
    assert (result.engine, [len(it.recipes) for it in engines]) == ("one", [1, 1, 0])


@pytest.mark.parametrize("moment", [0.05, 0.3, 0.6])
def test_who_leaves_ends_both(pipeline_of, moment):
    engines = [Timed("one", 30), Timed("two", 30)]
    pipeline = pipeline_of(*engines)

    async def left():
        asking = asyncio.create_task(pipeline.generate(GenerateRequest(prompt="a")))
        await asyncio.sleep(moment)
        asking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asking
        return asyncio.all_tasks() - {asyncio.current_task()}

    assert asyncio.run(left()) == set()
    assert [engine.running for engine in engines] == [0, 0]
    assert pipeline.admission.health().running == 0
    assert pipeline._latencies.success_rate("one") is None


def test_a_busy_one_is_not_started_beside(pipeline_of):
    second = Timed("two", 30, slots=1)
    pipeline = pipeline_of(Timed("one", 0.3), second)

    async def both():
        other = asyncio.create_task(pipeline.generate(GenerateRequest(prompt="b", model="two")))
        await begun(second, other)
        result = await pipeline.generate(GenerateRequest(prompt="a"))
        other.cancel()  # it is busy until here, however long the other engine takes
        with contextlib.suppress(asyncio.CancelledError):
            await other
        return result

    assert (asyncio.run(both()).engine, len(second.recipes)) == ("one", 1)


def test_it_is_started_as_soon_as_it_is_free(pipeline_of):
    second = Timed("two", 0.3, slots=1)
    pipeline = pipeline_of(Timed("one", 30), second)

    async def both():
        other = asyncio.create_task(pipeline.generate(GenerateRequest(prompt="b", model="two")))
        result = await pipeline.generate(GenerateRequest(prompt="a"))
        await other
        return result

    assert asyncio.run(both()).engine == "two"


def test_one_that_rests_is_not_started_beside(pipeline_of):
    second = Timed("two", 0)
    pipeline = pipeline_of(Timed("one", 0.4), second)

    async def rested():
        asking = asyncio.create_task(pipeline.generate(GenerateRequest(prompt="a")))
        await asyncio.sleep(0.05)
        pipeline.selector.breakers["two"].record_failure(EngineError("No."))
        return await asking

    assert (asyncio.run(rested()).engine, second.recipes) == ("one", [])


def test_the_wait_for_a_slot_is_not_the_engine_s_time(pipeline_of):
    first, second = Timed("one", 0.3, slots=1), Timed("two", 0.01)
    pipeline = pipeline_of(first, second)
    for _ in range(9):
        pipeline._latencies.add("one", 0.45)

    async def both():
        asking = [asyncio.create_task(pipeline.generate(GenerateRequest(prompt="a", timeout_seconds=60))) for _ in "ab"]
        return [result.engine for result in await asyncio.gather(*asking)]

    assert (asyncio.run(both()), second.recipes) == (["one", "one"], [])


def test_the_loser_has_the_time_to_withdraw_its_request(pipeline_of):
    class Polite(Timed):
        withdrawn = False

        async def generate(self, recipe, report):
            try:
                return await super().generate(recipe, report)
            except asyncio.CancelledError:
                await asyncio.sleep(0.2)
                self.withdrawn = True
                raise

    first = Polite("one", 30)
    assert hedged(pipeline_of(first, Timed("two", 0.05)))[0].engine == "two"
    assert first.withdrawn


def test_many_at_once_leave_nothing_behind(pipeline_of):
    pipeline = pipeline_of(Timed("one", 30, slots=8), Timed("two", 0.1, slots=2), queue_size=100)
    begun = time.monotonic()

    async def crowd():
        asking = (pipeline.generate(GenerateRequest(prompt="a", timeout_seconds=15)) for _ in range(6))
        results = await asyncio.gather(*asking)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return {result.engine for result in results}

    assert asyncio.run(crowd()) == {"two"}
    assert time.monotonic() - begun < 10
    assert pipeline.admission.health().running == 0
