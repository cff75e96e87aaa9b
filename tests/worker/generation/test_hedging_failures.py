"""Hedging when one of the two attempts fails, or both, or the storage."""

import pytest

from render_worker.errors import ContentRefused, EngineError, EngineRateLimited, PhaseTimeout
from render_worker.storages.errors import StorageFailed
from tests.fakes.played import over, pipelines
from tests.fakes.timed import Timed, hedged


@pytest.fixture
def pipeline_of(tmp_path):
    make = pipelines(tmp_path)
    return lambda *engines, **options: make(*engines, **{"hedged": True, "failures": 1, **options})


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


def test_a_storage_that_fails_is_an_error_and_no_second_picture(pipeline_of, monkeypatch):
    first, second, third = Timed("one", 30), Timed("two", 0.05), Timed("three", 0)
    pipeline = pipeline_of(first, second, third)

    async def failing(*_, **__):
        raise StorageFailed("Full.")

    monkeypatch.setattr(pipeline.storages, "save", failing)
    error, _ = hedged(pipeline)
    assert (type(error), third.recipes, first.cancelled) == (StorageFailed, [], 1)
