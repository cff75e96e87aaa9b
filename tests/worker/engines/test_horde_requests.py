"""AI Horde's requests: which are retried, how often, and that none is left behind at the service."""

import time

import httpx
import pytest

from render_worker.contract import Recipe
from render_worker.engines.horde.replies import error_of_reply
from render_worker.errors import EngineBusy, EngineError, EngineRateLimited
from render_worker.outbound.exchange import Reply
from tests.fakes.at_horde import Reported, asked, engine, make, play
from tests.fakes.leaving import left
from tests.fakes.processes import wait_until


def test_a_block_is_as_long_as_the_service_says(site):
    play(site, horde="timeout_ip")
    with pytest.raises(EngineRateLimited) as caught:
        make(site)
    assert caught.value.retry_after == 77
    assert len(asked(site, "horde")) == 1


def test_a_long_rate_limit_is_not_waited_for(site):
    play(site, horde="too_fast_for_20")
    with pytest.raises(EngineRateLimited) as caught:
        make(site, Reported(time_left=19))
    assert (caught.value.retry_after, len(asked(site, "horde"))) == (20, 1)


def test_too_many_requests_in_a_second_are_retried(site, monkeypatch):
    monkeypatch.setattr("render_worker.engines.horde.client.SUBMIT_PAUSES", (0.1, 0.1))
    play(site, horde="too_fast", times=2)
    assert make(site).data
    assert len(asked(site, "horde")) == 3


@pytest.mark.parametrize(("word", "seconds"), [("too_fast_for_2", 2), ("too_fast_until", 1)])
def test_a_rate_limit_is_waited_for_as_long_as_it_says(site, word, seconds, monkeypatch):
    monkeypatch.setattr("render_worker.engines.horde.client.SUBMIT_PAUSES", (0.1, 0.1))
    play(site, horde=word, times=1)
    reported = Reported()
    make(site, reported)
    first, second = asked(site, "horde")
    assert second["at"] - first["at"] >= seconds
    assert [phase for phase, _ in reported.news][:2] == ["starting", "queued"]


@pytest.mark.parametrize("reset", ["soon", "-5", "1e9", "9999999999", ""])
def test_an_absurd_end_of_a_rate_limit_is_no_time_to_wait(reset):
    reply = Reply("AI Horde", 429, httpx.Headers({"x-ratelimit-reset": reset}), b"{}")
    assert error_of_reply(reply).retry_after in (30, 86_400)


def test_a_lasting_rate_limit_is_an_error_after_the_retries(site, monkeypatch):
    monkeypatch.setattr("render_worker.engines.horde.client.SUBMIT_PAUSES", (0.1, 0.1))
    play(site, horde="too_many_prompts")
    with pytest.raises(EngineRateLimited):
        make(site)
    assert len(asked(site, "horde")) == 3


@pytest.mark.parametrize("word", ["no_workers", "faulted", "broken_look"])
def test_a_request_that_fails_is_cancelled_at_the_service(site, word):
    play(site, horde=word)
    with pytest.raises(EngineError):
        make(site)
    assert len(asked(site, "horde_cancel")) == 1


def test_the_deadline_cancels_the_request_at_the_service(site):
    play(site, horde="stuck")
    with pytest.raises(TimeoutError):
        make(site, seconds=0.6)
    wait_until(lambda: asked(site, "horde_cancel"), "the request's end")


@pytest.mark.parametrize("times", [1, 2])
def test_a_cancelled_submission_is_cancelled_at_the_service_once_its_id_is_known(site, times):
    """The deadlines of an attempt and of its request may pass in the same second."""
    play(site, horde="slow_submission", delay=60)
    work = engine(site).generate(Recipe(prompt="a tree"), Reported())
    assert left(work, lambda: asked(site, "horde"), times)
    assert len(asked(site, "horde_cancel")) == len(asked(site, "horde")) == 1


def test_a_cancelled_submission_without_a_reply_ends_soon(site):
    play(site, horde="hang")
    begun = time.monotonic()
    with pytest.raises(TimeoutError):
        make(site, seconds=0.2)
    assert time.monotonic() - begun < 15  # the request itself may take 30
    wait_until(lambda: asked(site, "horde")[0]["outcome"] == "aborted", "the submission's end")


@pytest.mark.parametrize("word", ["shaky_look", "shaky_end"])
def test_failed_looks_cost_no_picture(site, word):
    play(site, horde=word, delay=0.2)
    reported = Reported()
    assert make(site, reported).data
    assert len(reported.setbacks) == 2
    assert asked(site, "horde_cancel") == []


def test_an_impossible_request_is_given_up_at_the_second_look(site):
    play(site, horde="no_workers")
    with pytest.raises(EngineBusy):
        make(site)
    assert len(asked(site, "horde_check")) == 2


def test_looks_may_not_be_far_apart(site):
    with pytest.raises(ValueError, match="horde_poll_seconds"):
        engine(site, horde_poll_seconds=61)
