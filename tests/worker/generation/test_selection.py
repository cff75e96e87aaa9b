"""Selection of the engines that are attempted, and their order."""

import asyncio

import pytest

from render_worker.contract import GenerateRequest
from render_worker.errors import (
    EngineCircuitOpen,
    EngineError,
    InvalidParameter,
)
from render_worker.generation.errors import TooSlow
from render_worker.storages.errors import StorageNotConfigured
from tests.fakes.played import Played, ask, over, pipelines, refused


@pytest.fixture
def pipeline_of(tmp_path):
    return pipelines(tmp_path)


def test_the_first_in_the_order_answers(pipeline_of):
    result, _ = ask(pipeline_of(Played("one"), Played("two")))
    assert (result.engine, result.fallback_from, result.ignored, result.expected_seconds) == ("one", None, None, None)


def test_one_that_is_not_set_up_is_passed_over(pipeline_of):
    result, _ = ask(pipeline_of(Played("one", missing="TOKEN not configured."), Played("two")))
    assert over(result) == [("one", "engine_not_configured")]


def test_one_that_is_not_set_up_says_so_when_named(pipeline_of):
    error = refused(pipeline_of(Played("one", missing="TOKEN not configured."), Played("two")), Exception, model="one")
    assert (error.status, error.code, str(error)) == (500, "engine_not_configured", "TOKEN not configured.")


def test_an_unknown_name_is_refused_with_the_known_ones(pipeline_of):
    error = refused(pipeline_of(Played("one"), Played("two")), InvalidParameter, model="three")
    assert str(error) == "model must be one of auto, one, two."


def test_full_matches_are_preferred(pipeline_of):
    pipeline = pipeline_of(Played("one", honoured=()), Played("two"))
    assert ask(pipeline)[0].engine == "one"
    for asked in ({"seed": 3}, {"negative_prompt": "fog"}, {"guidance_scale": 3}):
        result, _ = ask(pipeline, **asked)
        assert (result.engine, result.ignored, result.fallback_from) == ("two", None, None)


def test_what_had_to_be_ignored_is_listed(pipeline_of):
    first = Played("one", honoured=("negative_prompt",))
    result, _ = ask(pipeline_of(first), seed=3, guidance_scale=2, negative_prompt="fog")
    assert (result.ignored, result.seed) == (["guidance_scale", "seed"], None)
    recipe = first.recipes[0]
    assert (recipe.seed, recipe.guidance_scale, recipe.negative_prompt) == (-1, 7.0, "fog")


def test_what_a_named_engine_cannot_honour_is_refused_by_name(pipeline_of):
    pipeline = pipeline_of(Played("one", honoured=()), Played("two"))
    error = refused(pipeline, InvalidParameter, model="one", negative_prompt="fog", seed=5)
    assert str(error).startswith("negative_prompt and seed cannot be honoured by one;")


@pytest.mark.parametrize("model", ["diffusers", "sd-xl-base", "stable-diffusion-v1-5/stable-diffusion-v1-5"])
def test_a_model_of_an_engine_that_is_not_enabled_is_refused_with_how_to_enable_it(pipeline_of, model):
    body = refused(pipeline_of(Played("one")), InvalidParameter, model=model).body()
    assert (body.error, body.code) == ("model must be one of auto, one.", "invalid_parameter")
    assert body.hint.startswith("Add diffusers to ENGINES")
    assert refused(pipeline_of(Played("one")), InvalidParameter, model="nothing").body().hint is None


def test_a_style_s_negative_prompt_keeps_no_engine_from_answering(pipeline_of):
    first = Played("one", honoured=("seed",))
    pipeline = pipeline_of(first, Played("two"))
    for model in ("auto", "one"):
        result, _ = ask(pipeline, model=model, negative_prompt="fog", negative_prompt_optional=True)
        assert (result.engine, result.ignored, result.negative_prompt) == ("one", None, None)
    assert [recipe.negative_prompt for recipe in first.recipes] == [None, None]
    second, _ = ask(pipeline, model="two", negative_prompt="fog", negative_prompt_optional=True)
    assert second.negative_prompt == "fog"


def test_repeated_failures_open_an_engine_s_breaker(pipeline_of):
    first = Played("one", EngineError("No."))
    pipeline = pipeline_of(first, Played("two"), failures=2)
    answers = [over(ask(pipeline)[0]) for _ in range(3)]
    assert answers == [[("one", "engine_failed")]] * 2 + [[("one", "engine_resting")]]
    assert len(first.recipes) == 2
    assert pipeline.selector.health("one").state == "resting"
    assert pipeline.selector.health("one").breaker == "open"
    assert pipeline.selector.ready
    assert refused(pipeline, EngineCircuitOpen, model="one").retry_after > 50


def test_one_after_the_one_that_answered_is_not_passed_over(pipeline_of):
    pipeline = pipeline_of(Played("one"), Played("two", missing="TOKEN not configured."))
    result, _ = ask(pipeline)
    assert (result.engine, result.fallback_from) == ("one", None)
    assert (
        pipeline._metrics.registry.get_sample_value(
            "render_worker_fallbacks_total", {"engine": "two", "code": "engine_not_configured"}
        )
        is None
    )


def test_one_that_could_not_honour_it_anyway_is_not_passed_over(pipeline_of):
    pipeline = pipeline_of(Played("one", honoured=(), missing="TOKEN not configured."), Played("two"))
    assert ask(pipeline, seed=3)[0].fallback_from is None
    assert over(ask(pipeline)[0]) == [("one", "engine_not_configured")]


def test_within_picks_the_first_that_is_expected_to_be_done(pipeline_of):
    pipeline = pipeline_of(Played("one", usual=60), Played("two", usual=20))
    result, _ = ask(pipeline, within=30)
    assert (result.engine, over(result), result.expected_seconds) == ("two", [("one", "too_slow")], 20)
    for _ in range(5):
        pipeline._latencies.add("one", 4.2)
    result, _ = ask(pipeline, within=30)
    assert (result.engine, result.fallback_from, result.expected_seconds) == ("one", None, 5)


def test_within_counts_the_waiting_too(pipeline_of):
    first = Played("one", "hang", usual=10, slots=1)
    pipeline = pipeline_of(first, Played("two", usual=15))

    async def both():
        running = asyncio.create_task(pipeline.generate(GenerateRequest(prompt="a", model="one")))
        await asyncio.sleep(0.05)
        second = await pipeline.generate(GenerateRequest(prompt="b", within=19))
        running.cancel()
        return second

    assert asyncio.run(both()).engine == "two"


def test_within_what_no_engine_can_do_is_refused_with_the_expected_time(pipeline_of):
    error = refused(pipeline_of(Played("one", usual=60), Played("two", usual=20)), TooSlow, within=5)
    body = error.body()
    assert (error.status, body.code, body.expected_seconds) == (503, "too_slow", 20)
    assert "two" in body.error


def test_within_does_not_go_with_a_name(pipeline_of):
    assert "within" in str(refused(pipeline_of(Played("one")), InvalidParameter, model="one", within=5))


def test_a_storage_that_is_not_set_up_is_an_error_before_any_engine_is_asked(pipeline_of):
    first = Played("one")
    refused(pipeline_of(first, storage=("imgur",)), StorageNotConfigured)
    assert first.recipes == []


def test_within_counts_the_queue_depth(pipeline_of):
    pipeline = pipeline_of(Played("one", "hang", usual=10, slots=1))

    async def expected():
        asking = [asyncio.create_task(pipeline.generate(GenerateRequest(prompt="a", model="one"))) for _ in range(3)]
        await asyncio.sleep(0.05)
        with pytest.raises(TooSlow) as caught:
            pipeline.selector.select(GenerateRequest(prompt="b", within=5))
        for task in asking:
            task.cancel()
        return caught.value.expected_seconds

    assert asyncio.run(expected()) == 40  # one in flight, two that wait, and then its own
