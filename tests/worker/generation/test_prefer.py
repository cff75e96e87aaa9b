"""`prefer`: which engines are asked first with model=auto."""

import pytest

from render_worker.contract import GenerateRequest
from render_worker.errors import EngineError, InvalidParameter
from render_worker.generation.errors import TooSlow
from tests.fakes.played import Played, ask, over, pipelines, refused


@pytest.fixture
def pipeline_of(tmp_path):
    return pipelines(tmp_path)


def order(pipeline, **fields):
    """Return the names of the candidates of a request, in their order."""
    selection = pipeline.selector.select(GenerateRequest(prompt="a", **fields))
    return [candidate.engine.name for candidate in selection.remaining]


@pytest.fixture
def engines():
    return [
        Played("cheap", price=0.01, usual=5, quality=2),
        Played("unpriced", price=None, usual=2, quality=4),
        Played("free", price=0.0, usual=60, quality=1),
        Played("costly", price=0.2, usual=5, quality=4),
    ]


@pytest.mark.parametrize(
    ("prefer", "expected"),
    [
        (None, ["cheap", "unpriced", "free", "costly"]),
        ("fast", ["unpriced", "cheap", "costly", "free"]),
        ("free", ["free", "cheap", "costly", "unpriced"]),
        ("quality", ["unpriced", "costly", "cheap", "free"]),
    ],
)
def test_each_word_has_its_order(pipeline_of, engines, prefer, expected):
    assert order(pipeline_of(*engines), prefer=prefer) == expected


def test_the_operator_s_prices_count(pipeline_of, engines):
    assert order(pipeline_of(*engines, prices={"unpriced": 0.0, "free": 9}), prefer="free") == [
        "unpriced",
        "cheap",
        "costly",
        "free",
    ]


@pytest.mark.parametrize("prefer", ["fast", "free", "quality"])
def test_one_that_would_ignore_something_is_last_all_the_same(pipeline_of, prefer):
    best = Played("one", honoured=(), price=0.0, usual=1, quality=4)
    assert order(pipeline_of(best, Played("two", price=1, usual=9, quality=0)), prefer=prefer, seed=3) == ["two", "one"]


def test_recent_pictures_decide_what_is_fast(pipeline_of):
    pipeline = pipeline_of(Played("one", usual=5), Played("two", usual=50))
    for _ in range(3):
        pipeline._latencies.add("two", 1.0)
    assert order(pipeline, prefer="fast") == ["two", "one"]


def test_fallback_from_has_those_that_rank_before_by_the_preference(pipeline_of):
    engines = (Played("one", price=1), Played("two", EngineError("No."), price=0), Played("three", price=0.5))
    result, _ = ask(pipeline_of(*engines), prefer="free")
    assert (result.engine, over(result)) == ("three", [("two", "engine_failed")])


def test_one_that_is_not_available_ranks_too(pipeline_of):
    engines = (Played("one", price=1), Played("two", missing="TOKEN not configured.", price=0))
    assert over(ask(pipeline_of(*engines), prefer="free")[0]) == [("two", "engine_not_configured")]
    assert over(ask(pipeline_of(*engines), prefer="quality")[0]) == []


def test_it_goes_with_within(pipeline_of, engines):
    pipeline = pipeline_of(*engines)
    assert order(pipeline, prefer="free", within=10) == ["cheap", "costly", "unpriced"]
    refused(pipeline, TooSlow, prefer="quality", within=1)
    assert over(ask(pipeline, prefer="free", within=10)[0]) == [("free", "too_slow")]


def test_it_does_not_go_with_a_name(pipeline_of):
    error = refused(pipeline_of(Played("one")), InvalidParameter, model="one", prefer="free")
    assert str(error) == "prefer only goes with model=auto."
