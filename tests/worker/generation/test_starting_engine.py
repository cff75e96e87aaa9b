"""model=auto while an engine still starts: another one that is expected sooner is asked, and the client is told."""

import time

import pytest

from render_worker.contract import GenerateRequest
from render_worker.errors import EngineBusy, EngineError
from render_worker.generation.attempt import RESERVE, SAVING_SECONDS, attempts
from render_worker.generation.movable_deadline import MovableDeadline
from render_worker.serving.deadline import Deadline
from tests.fakes.played import Played, ask, over, pipelines, refused

STARTING = ("one", "engine_starting")


@pytest.fixture
def pipeline_of(tmp_path):
    return pipelines(tmp_path)


def starting(**options):
    """Return an engine that takes 5 seconds to start, and then 10 for a picture."""
    return Played("one", **{"usual": 10, "starting": 5, "price": 0.0, **options})


def test_one_that_is_sooner_is_asked_and_the_response_says_so(pipeline_of):
    first = starting()
    result, progress = ask(pipeline_of(first, Played("two", usual=14, price=0.0)))
    assert (result.engine, over(result), first.recipes) == ("two", [STARTING], [])
    assert progress[0].message == "one cannot make it now (engine_starting); asking two."


def test_once_it_has_started_it_is_the_first_again(pipeline_of):
    result, _ = ask(pipeline_of(starting(starting=0), Played("two", usual=1, price=0.0)))
    assert (result.engine, result.fallback_from) == ("one", None)


@pytest.mark.parametrize(
    "other",
    [
        {"usual": 15},
        {"usual": 1, "starting": 1},
        {"usual": 1, "price": 0.01},
        {"usual": 1, "price": None},
        {"usual": 1, "honoured": ()},
        {"usual": 1, "missing": "TOKEN not configured."},
    ],
    ids=["later", "starting too", "paid", "of unknown price", "ignoring something", "not set up"],
)
def test_for_another_that_is_no_better_it_is_waited_for(pipeline_of, other):
    result, _ = ask(pipeline_of(starting(), Played("two", **{"price": 0.0, **other})), seed=3)
    assert (result.engine, result.fallback_from) == ("one", None)


def test_the_first_of_those_that_are_sooner_is_asked(pipeline_of):
    engines = [Played(name, usual=usual, price=0.0) for name, usual in (("two", 60), ("three", 9), ("four", 1))]
    selection = pipeline_of(starting(), *engines).selector.select(GenerateRequest(prompt="a"))
    assert [it.engine.name for it in selection.remaining] == ["three", "one", "two", "four"]


def test_one_with_a_queue_is_not_sooner(pipeline_of):
    pipeline = pipeline_of(starting(), Played("two", usual=10, price=0.0))
    pipeline.admission.must_wait = lambda slots: slots is pipeline.selector.engines["two"].slots
    pipeline.admission.seconds_to_slots = lambda _: [6.0]
    assert pipeline.selector.select(GenerateRequest(prompt="a")).remaining[0].engine.name == "one"


@pytest.mark.parametrize(("prefer", "expected"), [("quality", "one"), ("free", "two"), ("fast", "two")])
def test_a_client_that_prefers_quality_waits(pipeline_of, prefer, expected):
    result, _ = ask(pipeline_of(starting(quality=3), Played("two", usual=10, price=0.0)), prefer=prefer)
    assert result.engine == expected


def test_a_named_one_is_waited_for(pipeline_of):
    assert ask(pipeline_of(starting(), Played("two", usual=1, price=0.0)), model="one")[0].engine == "one"


def test_if_the_other_fails_it_is_the_fallback_and_told_of_no_more(pipeline_of):
    pipeline = pipeline_of(starting(), Played("two", EngineBusy("No."), usual=1, price=0.0))
    result, progress = ask(pipeline)
    assert (result.engine, result.fallback_from) == ("one", None)
    assert "two cannot make it now (engine_busy); asking one." in [it.message for it in progress]


def test_if_all_fail_each_is_told_of_once(pipeline_of):
    first = starting(does=EngineError("No."))
    error = refused(pipeline_of(first, Played("two", EngineBusy("No."), usual=1, price=0.0)), EngineError)
    assert (error.code, over(error)) == ("engine_failed", [("two", "engine_busy")])


def test_within_counts_the_start(pipeline_of):
    pipeline = pipeline_of(starting(), Played("two", usual=14, price=None))
    result, _ = ask(pipeline, within=14)
    assert (result.engine, over(result)) == ("two", [("one", "too_slow")])


def test_an_attempt_leaves_the_one_that_starts_its_time(pipeline_of):
    pipeline = pipeline_of(starting(), Played("two", usual=1, price=0.0))
    selection = pipeline.selector.select(GenerateRequest(prompt="a"))
    attempt = next(attempts(selection, MovableDeadline(Deadline(time.monotonic() + 100))))
    assert attempt.time_left == pytest.approx(100 - (15 * RESERVE + SAVING_SECONDS), abs=1)
