"""An engine that fails again and again is left alone, and then tried by one request."""

import asyncio
from datetime import datetime, timedelta

import pytest

from render_worker.circuit_breaker import CircuitBreaker
from render_worker.errors import ContentRefused, EngineCircuitOpen, EngineError, EngineRateLimited


def fail(rest, error):
    with pytest.raises(type(error)):
        with rest.attempt():
            raise error


def succeed(rest):
    with rest.attempt():
        pass


def passed(rest):
    """Let the rest's time pass."""
    rest._until -= 1_000_000


def broken(failures=3, seconds=60):
    rest = CircuitBreaker("horde", failures, seconds)
    for _ in range(failures):
        fail(rest, EngineError("No."))
    return rest


def test_failures_in_a_row_open_it():
    rest = CircuitBreaker("horde", 3, 60)
    for _ in range(2):
        fail(rest, EngineError("No."))
    assert (rest.state, rest.seconds_left) == ("closed", 0)
    fail(rest, EngineError("No more."))
    assert rest.state == "open"
    assert 58 <= rest.seconds_left <= 60
    assert "because: No more." in rest.reason
    with pytest.raises(EngineCircuitOpen, match=r"horde is left alone .* No more\.") as caught:
        succeed(rest)
    assert 58 <= caught.value.retry_after <= 60


def test_a_success_between_begins_the_count_anew():
    rest = CircuitBreaker("horde", 3, 60)
    for _ in range(3):
        fail(rest, EngineError("No."))
        fail(rest, EngineError("No."))
        succeed(rest)
    assert rest.state == "closed"


def test_what_the_request_brought_on_is_no_failure_and_no_success():
    rest = CircuitBreaker("horde", 2, 60)
    fail(rest, EngineError("No."))
    fail(rest, ContentRefused("No."))
    assert rest.state == "closed"
    fail(rest, EngineError("No."))
    assert rest.state == "open"


def test_what_the_request_brought_on_shows_in_a_trial_that_the_engine_is_up():
    rest = broken()
    passed(rest)
    fail(rest, ContentRefused("No."))
    assert rest.state == "closed"


def test_what_one_request_met_is_told_without_what_was_its_own():
    rest = CircuitBreaker("horde", 0, 60)
    wall = EngineRateLimited("Wait.", 50)
    fail(rest, wall)
    wall.fallback_from = ["of that request"]
    with pytest.raises(EngineRateLimited) as caught:
        rest.refuse()
    assert (caught.value.fallback_from, wall.retry_after) == (None, 50)


def test_a_success_from_before_a_trial_lets_everybody_in():
    rest = broken()
    passed(rest)
    with rest.attempt():
        rest._succeeded()
        succeed(rest)


def test_a_fault_of_our_own_is_no_failure():
    rest = CircuitBreaker("horde", 1, 60)
    with pytest.raises(RuntimeError):
        with rest.attempt():
            raise RuntimeError
    assert rest.state == "closed"


def test_after_the_rest_one_request_tries_and_closes_it():
    rest = broken()
    passed(rest)
    assert rest.state == "half-open"
    with rest.attempt():
        with pytest.raises(EngineCircuitOpen, match="being tried again"):
            succeed(rest)
    assert rest.state == "closed"
    succeed(rest)


def test_after_the_rest_one_failure_opens_it_again():
    rest = broken()
    passed(rest)
    fail(rest, EngineError("Still no."))
    assert rest.state == "open"
    assert rest.seconds_left > 58
    assert "Still no." in rest.reason


def test_a_trial_that_is_cancelled_leaves_the_next_one_to_try():
    rest = broken()
    passed(rest)
    with pytest.raises(asyncio.CancelledError):
        with rest.attempt():
            raise asyncio.CancelledError
    assert rest.state == "half-open"
    succeed(rest)
    assert rest.state == "closed"


@pytest.mark.parametrize(("said", "seconds"), [(7, 7), (None, 60)])
def test_a_wall_opens_it_at_once_for_as_long_as_it_says(said, seconds):
    rest = CircuitBreaker("horde", 0, 60)
    wall = EngineRateLimited("Too often.", said)
    fail(rest, wall)
    assert (rest.state, wall.retry_after) == ("open", seconds)
    with pytest.raises(EngineRateLimited, match="Too often") as caught:
        succeed(rest)
    assert seconds - 1 <= caught.value.retry_after <= seconds


def test_a_wall_of_no_time_is_none():
    rest = CircuitBreaker("perchance", 0, 60)
    wall = EngineRateLimited("Too often.", 0)
    fail(rest, wall)
    assert (rest.state, wall.retry_after) == ("closed", None)


def test_the_longer_of_two_walls_counts():
    rest = CircuitBreaker("horde", 0, 60)
    with rest.attempt():
        fail(rest, EngineRateLimited("Long.", 50))
        late = EngineRateLimited("Short.", 5)
        rest.failed(late)
    assert rest.seconds_left > 45
    assert late.retry_after > 45


def test_a_wall_after_failures_is_followed_by_the_usual_rest():
    rest = broken(seconds=20)
    passed(rest)
    fail(rest, EngineRateLimited("Wait.", 300))
    assert rest.seconds_left > 250
    passed(rest)
    fail(rest, EngineError("No."))
    assert 18 <= rest.seconds_left <= 20


def test_a_success_that_was_begun_before_the_rest_does_not_end_it():
    rest = CircuitBreaker("horde", 0, 60)
    with rest.attempt():
        fail(rest, EngineRateLimited("Wait.", 50))
    assert rest.state == "open"


def test_without_a_number_of_failures_a_failure_after_a_wall_opens_it_no_more():
    rest = CircuitBreaker("horde", 0, 60)
    fail(rest, EngineRateLimited("Wait.", 50))
    passed(rest)
    assert rest.state == "half-open"
    fail(rest, EngineError("No."))
    assert rest.state == "closed"


def test_without_a_number_of_failures_it_opens_for_walls_alone():
    rest = CircuitBreaker("horde", 0, 60)
    for _ in range(100):
        fail(rest, EngineError("No."))
    assert rest.state == "closed"


@pytest.mark.parametrize("hours", [-1, 1, -24 * 400])
@pytest.mark.parametrize("error", [EngineError("No."), EngineRateLimited("Wait.", 60)], ids=["failure", "wall"])
def test_a_clock_that_is_set_neither_prolongs_nor_ends_a_rest(monkeypatch, hours, error):
    class Set(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) + timedelta(hours=hours)

    rest = CircuitBreaker("horde", 1, 60)
    fail(rest, error)
    monkeypatch.setattr("render_worker.circuit_breaker.datetime", Set)
    assert (rest.state, 58 <= rest.seconds_left <= 60) == ("open", True)
    said = datetime.fromisoformat(rest.reason.split("until ")[1].split(",")[0])
    assert abs((said - Set.now(said.tzinfo)).total_seconds() - 60) < 3  # what is told is of the clock that one sees
    passed(rest)
    assert rest.state == "half-open"
    succeed(rest)
    assert rest.state == "closed"


def test_one_that_insists_asks_in_spite_of_a_rest_and_ends_it_by_success():
    rest = broken()
    with pytest.raises(EngineError):
        with rest.attempt(insist=True):
            raise EngineError("No.")
    assert rest.state == "open"
    with rest.attempt(insist=True):
        pass
    assert rest.state == "closed"
