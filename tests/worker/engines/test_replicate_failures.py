"""The engine `replicate` with every refusal, failure and absurd reply of its service."""

import asyncio
import logging
import time

import pytest

from render_worker.contract import Recipe
from render_worker.errors import ContentRefused, ServiceBlocked
from tests.fakes.leaving import left
from tests.fakes.on_replicate import (
    MODELS,
    PROMPT,
    SDXL,
    TOKEN,
    UPSCALER,
    Reported,
    engine,
    fresh,
    log,
    made,
    play,
    refused,
)
from tests.fakes.processes import free_port, sandbox


@pytest.fixture(scope="module")
def server():
    with sandbox() as running:
        yield running


@pytest.fixture
def site(server):
    return fresh(server)


def test_a_start_without_replicate_is_only_logged(site, caplog):
    play(site, "model_forbidden")
    with caplog.at_level(logging.WARNING):
        asyncio.run(engine(site).start())
    assert caplog.text.count("is not known yet") == len(MODELS)
    assert TOKEN not in caplog.text


@pytest.mark.parametrize(
    ("behaviour", "code", "words"),
    [
        ("unauthorized", "engine_unauthorized", "You did not pass a valid authentication token"),
        ("forbidden", "engine_unauthorized", "permission"),
        ("no_credit", "engine_quota_exhausted", "no credit"),
        ("missing", "engine_not_configured", "REPLICATE_MODELS"),
        ("throttled", "engine_rate_limited", "limits how often"),
        ("invalid", "engine_request_refused", "- input: of no use"),
        ("internal", "engine_busy", 'HTTP 500: "Something went wrong"'),
        ("html_502", "engine_busy", "HTTP 502."),
        ("reset", "engine_unreachable", "broke off"),
        ("hang", "timeout", "within 1 seconds"),
        ("redirect", "engine_unexpected_reply", "HTTP 302."),
        ("not_json", "engine_unexpected_reply", "JSON object"),
        ("a_list", "engine_unexpected_reply", "JSON object"),
        ("huge", "engine_unexpected_reply", "more than 16 MiB"),
        ("odd_id", "engine_unexpected_reply", "cannot read"),
    ],
)
def test_each_reply_to_a_creation_has_its_code_and_nothing_is_created_twice(site, behaviour, code, words):
    play(site, behaviour)
    failure = refused(site, settings={"replicate_request_seconds": 1 if behaviour.endswith("hang") else 20})
    assert failure.code == code
    assert words in str(failure)
    assert len(log(site)) == 1


@pytest.mark.parametrize(
    ("behaviour", "code", "words"),
    [
        ("failed", "engine_failed", "CUDA out of memory"),
        ("nsfw", "content_refused", "NSFW content detected"),
        ("sensitive", "content_refused", "flagged as sensitive"),
        ("interrupted", "engine_busy", "interrupted"),
        ("director", "engine_busy", "E9828"),
        ("echo", "engine_failed", "no idea of …"),
        ("canceled", "engine_failed", "cancelled"),
        ("aborted", "engine_failed", "cancelled"),
        ("odd_status", "engine_unexpected_reply", "cannot read"),
        ("odd_error", "engine_unexpected_reply", "cannot read"),
        ("no_output", "picture_missing", "without a picture"),
        ("no_address", "picture_missing", "without a picture"),
        ("no_base64", "picture_broken", "base64"),
        ("elsewhere", "engine_unexpected_reply", "host from which none is fetched"),
        ("poll_missing", "engine_unexpected_reply", "HTTP 404"),
        ("poll_throttled", "engine_rate_limited", "limits how often"),
        ("poll_hang", "timeout", "within 1 seconds"),
    ],
)
def test_each_end_of_a_prediction_has_its_code(site, behaviour, code, words):
    play(site, behaviour)
    failure = refused(site, settings={"replicate_request_seconds": 1 if behaviour.endswith("hang") else 20})
    assert failure.code == code
    assert words in str(failure)
    assert isinstance(failure, ContentRefused) == (code == "content_refused")
    assert len(log(site, "replicate_cancel")) == (behaviour.startswith("poll_") or behaviour.startswith("odd_"))


@pytest.mark.parametrize(
    ("behaviour", "code"),
    [
        ("model_missing", "engine_not_configured"),
        ("model_unauthorized", "engine_unauthorized"),
        ("model_a_list", "engine_unexpected_reply"),
        ("model_no_schema", "engine_not_configured"),
        ("model_hang", "timeout"),
    ],
)
def test_each_way_in_which_a_model_is_not_described_has_its_code(site, behaviour, code):
    play(site, behaviour)
    assert refused(site, settings={"replicate_request_seconds": 1 if behaviour.endswith("hang") else 20}).code == code
    assert not log(site)


def test_an_absurd_description_does_no_harm(site):
    play(site, "model_absurd")
    made(site)


def test_numbers_too_large_to_count_with_do_no_harm(site):
    play(site, "model_boundless")
    made(site, model=SDXL, guidance_scale=8)
    assert log(site)[0]["body"]["input"]["guidance_scale"] == 8


def test_a_model_without_a_prompt_is_not_configured(site):
    assert "takes; look at REPLICATE_MODELS" in str(refused(site, model=UPSCALER))


@pytest.mark.parametrize(
    ("behaviour", "seconds"), [("throttled", 30), ("throttled_absurd", 86_400), ("no_credit", 3600)]
)
def test_a_block_says_how_long_it_lasts(site, behaviour, seconds):
    play(site, behaviour)
    failure = refused(site)
    assert isinstance(failure, ServiceBlocked)
    assert failure.retry_after == seconds


@pytest.mark.parametrize(
    "behaviour", ["throttled_briefly", "poll_internal", "poll_reset", "poll_unavailable", "model_html_502"]
)
def test_a_short_failure_is_retried(site, behaviour):
    reported = Reported()
    play(site, behaviour, times=1)
    made(site, reported)
    assert len(reported.setbacks) == 1
    assert len(log(site)) == (2 if behaviour == "throttled_briefly" else 1)


def test_a_lasting_trouble_ends_and_the_prediction_too(site):
    play(site, "poll_html_502")
    reported = Reported()
    assert refused(site, reported=reported).code == "engine_busy"
    assert len(reported.setbacks) == 3
    assert len(log(site, "replicate_cancel")) == 1


@pytest.fixture
def unhurried(monkeypatch):
    """Give a cancellation more time than on a busy machine the stand-in needs to answer."""
    monkeypatch.setattr("render_worker.engines.replicate.predictions.CREATION_SECONDS", 30)
    monkeypatch.setattr("render_worker.engines.replicate.predictions.CANCEL_SECONDS", 5)


@pytest.mark.usefixtures("unhurried")
@pytest.mark.parametrize("behaviour", ["stuck", "cancel_hang", "cancel_not_json"])
def test_at_the_deadline_the_prediction_is_cancelled_at_replicate(site, behaviour):
    play(site, behaviour, delay=60)
    work = engine(site, replicate_request_seconds=60).generate(Recipe(prompt=PROMPT), Reported())
    begun = time.monotonic()
    assert left(work, lambda: log(site), 1)
    assert time.monotonic() - begun < 50
    assert len(log(site, "replicate_cancel")) == 1


@pytest.mark.usefixtures("unhurried")
@pytest.mark.parametrize("times", [1, 2])
def test_a_cancelled_creation_is_cancelled_at_replicate_once_its_id_is_known(site, times):
    play(site, "slow_creation", delay=60)
    work = engine(site).generate(Recipe(prompt=PROMPT), Reported())
    assert left(work, lambda: log(site), times)
    assert len(log(site, "replicate_cancel")) == len(log(site)) == 1


def test_a_prediction_that_the_library_cannot_read_is_cancelled(site):
    play(site, "odd_creation", delay=60)
    assert refused(site).code == "engine_unexpected_reply"
    assert len(log(site, "replicate_cancel")) == len(log(site)) == 1


def test_a_prediction_without_a_reply_is_ended_by_replicate(site, monkeypatch):
    monkeypatch.setattr("render_worker.engines.replicate.transport.CANCEL_AFTER", "1s")
    play(site, "stuck", delay=3)
    begun = time.monotonic()
    failure = refused(site)
    assert (failure.code, "cancelled" in str(failure)) == ("engine_failed", True)
    assert time.monotonic() - begun > 1
    assert log(site, "replicate_cancel") == []


def test_a_replicate_out_of_reach_is_said(site):
    failure = refused(site, settings={"replicate_url": f"http://127.0.0.1:{free_port()}"})
    assert (failure.code, str(failure)) == ("engine_unreachable", "Replicate cannot be reached.")
