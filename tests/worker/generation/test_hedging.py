"""Hedging: a free candidate beside one that takes long, and the first picture of the two."""

import asyncio
import contextlib
import time

import pytest

from render_worker.contract import GenerateRequest
from render_worker.engines.base import GeneratedImage
from render_worker.errors import ContentRefused, EngineError, EngineRateLimited, PhaseTimeout, WorkerError
from render_worker.generation.movable_deadline import MovableDeadline
from render_worker.serving.deadline import Deadline
from render_worker.storages.errors import StorageFailed
from tests.fakes.played import Played, drawn, over, pipelines

USUAL = 0.05  # twice that is what an engine has before a hedge, as long as it made no pictures


class Timed(Played):
    """An engine whose picture, or error, comes after some seconds."""

    def __init__(self, name, seconds, does=None, **options):
        super().__init__(name, **{"usual": USUAL, "price": 0.0, **options})
        self.seconds, self.ends_with, self.running = seconds, does, 0

    async def generate(self, recipe, report):
        self.recipes.append(recipe)
        self.running += 1
        report("generating", f"{self.name} at it.")
        try:
            await asyncio.sleep(self.seconds)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.running -= 1
        if self.ends_with:
            raise self.ends_with
        return GeneratedImage(drawn((768, 768)), 5, 7.0)


@pytest.fixture
def pipeline_of(tmp_path):
    make = pipelines(tmp_path)
    return lambda *engines, **options: make(*engines, **{"hedged": True, "failures": 1, **options})


def hedged(pipeline, **fields):
    """Return the result or the error of a request, and its progress; nothing is left running."""
    told = []

    async def asked():
        request = GenerateRequest(**{"prompt": "a", "timeout_seconds": 20, **fields})
        try:
            return await pipeline.generate(request, told.append)
        finally:
            assert asyncio.all_tasks() == {asyncio.current_task()}

    try:
        return asyncio.run(asked()), told
    except WorkerError as error:
        return error, told
    finally:
        assert pipeline.admission.health().running == pipeline.admission.health().waiting == 0


def count(pipeline, name, **labels):
    return pipeline._metrics.registry.get_sample_value(f"render_worker_{name}_total", labels) or 0


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


def test_the_loser_is_no_failure(pipeline_of):
    pipeline = pipeline_of(Timed("one", 30), Timed("two", 0.05))
    hedged(pipeline)
    assert pipeline.selector.health("one").breaker == "closed"
    assert (pipeline._latencies.success_rate("one"), pipeline._latencies.success_rate("two")) == (None, 1)
    assert pipeline._latencies.p50("one") is None
    assert count(pipeline, "engine_failures", engine="one", code="timeout") == 0
    assert count(pipeline, "pictures", engine="two", storage="local") == 1
    assert count(pipeline, "fallbacks", engine="one", code="too_slow") == 1


def test_a_loser_near_the_deadline_is_no_failure_either(pipeline_of):
    pipeline = pipeline_of(Timed("one", 30), Timed("two", 0.3))

    async def asked():
        deadline = MovableDeadline(Deadline.after(20))
        asyncio.get_running_loop().call_later(0.2, deadline.move_to, Deadline.after(0))
        return await pipeline.generate(GenerateRequest(prompt="a"), deadline=deadline)

    assert asyncio.run(asked()).engine == "two"
    assert pipeline.selector.health("one").breaker == "closed"
    assert pipeline._latencies.success_rate("one") is None


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
    second = Timed("two", 0.05)
    pipeline = pipeline_of(Timed("one", 0.4), second)
    for _ in range(5):
        pipeline._latencies.add("one", 0.5)
    assert (hedged(pipeline)[0].engine, second.recipes) == ("one", [])
    for _ in range(200):
        pipeline._latencies.add("one", 0.06)
    assert hedged(pipeline)[0].engine == "two"


def test_only_one_is_started_beside(pipeline_of):
    engines = [Timed("one", 0.7), Timed("two", 30), Timed("three", 0.05)]
    result, _ = hedged(pipeline_of(*engines))
    assert (result.engine, [len(it.recipes) for it in engines]) == ("one", [1, 1, 0])


def test_if_the_slow_one_fails_the_hedge_goes_on(pipeline_of):
    pipeline = pipeline_of(Timed("one", 0.3, EngineError("No.")), Timed("two", 0.5))
    result, told = hedged(pipeline)
    assert (result.engine, over(result)) == ("two", [("one", "engine_failed")])
    assert "one cannot make it now; waiting for two." in [it.message for it in told]
    assert pipeline.selector.health("one").breaker == "open"


def test_if_the_hedge_fails_the_slow_one_goes_on(pipeline_of):
    pipeline = pipeline_of(Timed("one", 0.6), Timed("two", 0.1, EngineError("No.")))
    result, told = hedged(pipeline)
    assert (result.engine, over(result)) == ("one", [])
    assert not any("waiting for" in it.message for it in told)
    assert pipeline.selector.health("two").breaker == "open"


def test_if_both_fail_the_next_is_asked(pipeline_of):
    engines = (
        Timed("one", 0.4, EngineError("No.")),
        Timed("two", 0.1, EngineRateLimited("Full.", 9)),
        Timed("three", 0),
    )
    result, _ = hedged(pipeline_of(*engines))
    assert (result.engine, over(result)) == ("three", [("one", "engine_failed"), ("two", "engine_rate_limited")])


def test_if_all_fail_the_error_names_both(pipeline_of):
    error, _ = hedged(pipeline_of(Timed("one", 0.4, PhaseTimeout("Slow.")), Timed("two", 0.1, EngineError("No."))))
    assert (error.code, over(error)) == ("timeout", [("two", "engine_failed")])


def test_content_that_the_slow_one_refuses_is_refused(pipeline_of):
    second, third = Timed("two", 30), Timed("three", 0)
    error, _ = hedged(pipeline_of(Timed("one", 0.3, ContentRefused("No.")), second, third))
    assert (type(error), second.cancelled, third.recipes) == (ContentRefused, 1, [])


def test_content_that_the_hedge_refuses_goes_nowhere_further(pipeline_of):
    third = Timed("three", 0)
    engines = (Timed("one", 0.5, EngineError("No.")), Timed("two", 0.1, ContentRefused("No.")), third)
    error, _ = hedged(pipeline_of(*engines))
    assert (type(error), over(error), third.recipes) == (ContentRefused, [("one", "engine_failed")], [])


def test_what_the_hedge_refuses_the_slow_one_may_still_make(pipeline_of):
    result, _ = hedged(pipeline_of(Timed("one", 0.5), Timed("two", 0.1, ContentRefused("No."))))
    assert result.engine == "one"


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
    second = Timed("two", 0.6, slots=1)
    pipeline = pipeline_of(Timed("one", 0.3), second)

    async def both():
        other = asyncio.create_task(pipeline.generate(GenerateRequest(prompt="b", model="two")))
        result = await pipeline.generate(GenerateRequest(prompt="a"))
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


def test_a_storage_that_fails_is_an_error_and_no_second_picture(pipeline_of, monkeypatch):
    first, second, third = Timed("one", 30), Timed("two", 0.05), Timed("three", 0)
    pipeline = pipeline_of(first, second, third)

    async def failing(*_, **__):
        raise StorageFailed("Full.")

    monkeypatch.setattr(pipeline.storages, "save", failing)
    error, _ = hedged(pipeline)
    assert (type(error), third.recipes, first.cancelled) == (StorageFailed, [], 1)


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
