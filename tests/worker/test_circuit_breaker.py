"""A circuit breaker opens after failures, and one request tries it when it is half-open."""

import asyncio
from datetime import datetime, timedelta

import pytest

from render_worker.circuit_breaker import CircuitBreaker
from render_worker.errors import ContentRefused, EngineCircuitOpen, EngineError, EngineRateLimited


def fail(breaker, error):
    with pytest.raises(type(error)):
        with breaker.call():
            raise error


def succeed(breaker):
    with breaker.call():
        pass


def passed(breaker):
    """Let the time pass for which it is open."""
    breaker._open_until -= 1_000_000


def broken(failures=3, seconds=60):
    breaker = CircuitBreaker("horde", failures, seconds)
    for _ in range(failures):
        fail(breaker, EngineError("No."))
    return breaker


def test_failures_in_a_row_open_it():
    breaker = CircuitBreaker("horde", 3, 60)
    for _ in range(2):
        fail(breaker, EngineError("No."))
    assert (breaker.state, breaker.remaining_seconds) == ("closed", 0)
    fail(breaker, EngineError("No more."))
    assert breaker.state == "open"
    assert 58 <= breaker.remaining_seconds <= 60
    assert "because: No more." in breaker.reason
    with pytest.raises(EngineCircuitOpen, match=r"horde is left alone .* No more\.") as caught:
        succeed(breaker)
    assert 58 <= caught.value.retry_after <= 60


def test_a_success_between_begins_the_count_anew():
    breaker = CircuitBreaker("horde", 3, 60)
    for _ in range(3):
        fail(breaker, EngineError("No."))
        fail(breaker, EngineError("No."))
        succeed(breaker)
    assert breaker.state == "closed"


def test_an_error_that_the_request_caused_is_no_failure_and_no_success():
    breaker = CircuitBreaker("horde", 2, 60)
    fail(breaker, EngineError("No."))
    fail(breaker, ContentRefused("No."))
    assert breaker.state == "closed"
    fail(breaker, EngineError("No."))
    assert breaker.state == "open"


def test_an_error_that_the_request_caused_closes_a_half_open_breaker():
    breaker = broken()
    passed(breaker)
    fail(breaker, ContentRefused("No."))
    assert breaker.state == "closed"


def test_another_request_gets_the_error_without_what_belongs_to_the_first():
    breaker = CircuitBreaker("horde", 0, 60)
    blocked = EngineRateLimited("Wait.", 50)
    fail(breaker, blocked)
    blocked.fallback_from = ["of that request"]
    with pytest.raises(EngineRateLimited) as caught:
        breaker.raise_if_open()
    assert (caught.value.fallback_from, blocked.retry_after) == (None, 50)


def test_a_success_from_before_a_probe_closes_it():
    breaker = broken()
    passed(breaker)
    with breaker.call():
        breaker._record_success()
        succeed(breaker)


def test_an_unforeseen_error_is_no_failure():
    breaker = CircuitBreaker("horde", 1, 60)
    with pytest.raises(RuntimeError):
        with breaker.call():
            raise RuntimeError
    assert breaker.state == "closed"


def test_half_open_one_request_probes_and_closes_it():
    breaker = broken()
    passed(breaker)
    assert breaker.state == "half-open"
    with breaker.call():
        with pytest.raises(EngineCircuitOpen, match="being tried again"):
            succeed(breaker)
    assert breaker.state == "closed"
    succeed(breaker)


def test_half_open_one_failure_opens_it_again():
    breaker = broken()
    passed(breaker)
    fail(breaker, EngineError("Still no."))
    assert breaker.state == "open"
    assert breaker.remaining_seconds > 58
    assert "Still no." in breaker.reason


def test_a_probe_that_is_cancelled_leaves_it_half_open():
    breaker = broken()
    passed(breaker)
    with pytest.raises(asyncio.CancelledError):
        with breaker.call():
            raise asyncio.CancelledError
    assert breaker.state == "half-open"
    succeed(breaker)
    assert breaker.state == "closed"


@pytest.mark.parametrize(("said", "seconds"), [(7, 7), (None, 60)])
def test_a_blocked_service_trips_it_for_as_long_as_it_says(said, seconds):
    breaker = CircuitBreaker("horde", 0, 60)
    blocked = EngineRateLimited("Too often.", said)
    fail(breaker, blocked)
    assert (breaker.state, blocked.retry_after) == ("open", seconds)
    with pytest.raises(EngineRateLimited, match="Too often") as caught:
        succeed(breaker)
    assert seconds - 1 <= caught.value.retry_after <= seconds


def test_a_block_of_no_time_does_not_trip_it():
    breaker = CircuitBreaker("perchance", 0, 60)
    blocked = EngineRateLimited("Too often.", 0)
    fail(breaker, blocked)
    assert (breaker.state, blocked.retry_after) == ("closed", None)


def test_the_longer_of_two_blocks_counts():
    breaker = CircuitBreaker("horde", 0, 60)
    with breaker.call():
        fail(breaker, EngineRateLimited("Long.", 50))
        late = EngineRateLimited("Short.", 5)
        breaker.record_failure(late)
    assert breaker.remaining_seconds > 45
    assert late.retry_after > 45


def test_a_block_after_failures_is_followed_by_the_usual_time():
    breaker = broken(seconds=20)
    passed(breaker)
    fail(breaker, EngineRateLimited("Wait.", 300))
    assert breaker.remaining_seconds > 250
    passed(breaker)
    fail(breaker, EngineError("No."))
    assert 18 <= breaker.remaining_seconds <= 20


def test_a_success_that_was_begun_before_it_opened_does_not_close_it():
    breaker = CircuitBreaker("horde", 0, 60)
    with breaker.call():
        fail(breaker, EngineRateLimited("Wait.", 50))
    assert breaker.state == "open"


def test_without_a_number_of_failures_a_failure_after_a_block_opens_it_no_more():
    breaker = CircuitBreaker("horde", 0, 60)
    fail(breaker, EngineRateLimited("Wait.", 50))
    passed(breaker)
    assert breaker.state == "half-open"
    fail(breaker, EngineError("No."))
    assert breaker.state == "closed"


def test_without_a_number_of_failures_only_a_blocked_service_trips_it():
    breaker = CircuitBreaker("horde", 0, 60)
    for _ in range(100):
        fail(breaker, EngineError("No."))
    assert breaker.state == "closed"


@pytest.mark.parametrize("hours", [-1, 1, -24 * 400])
@pytest.mark.parametrize("error", [EngineError("No."), EngineRateLimited("Wait.", 60)], ids=["failure", "blocked"])
def test_a_wall_clock_that_is_set_neither_prolongs_nor_ends_its_time(monkeypatch, hours, error):
    class Set(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) + timedelta(hours=hours)

    breaker = CircuitBreaker("horde", 1, 60)
    fail(breaker, error)
    monkeypatch.setattr("render_worker.circuit_breaker.datetime", Set)
    assert (breaker.state, 58 <= breaker.remaining_seconds <= 60) == ("open", True)
    said = datetime.fromisoformat(breaker.reason.split("until ")[1].split(",")[0])
    assert abs((said - Set.now(said.tzinfo)).total_seconds() - 60) < 3  # what is told is of the clock that one sees
    passed(breaker)
    assert breaker.state == "half-open"
    succeed(breaker)
    assert breaker.state == "closed"


def test_a_call_that_insists_passes_an_open_breaker_and_closes_it_by_success():
    breaker = broken()
    with pytest.raises(EngineError):
        with breaker.call(insist=True):
            raise EngineError("No.")
    assert breaker.state == "open"
    with breaker.call(insist=True):
        pass
    assert breaker.state == "closed"
