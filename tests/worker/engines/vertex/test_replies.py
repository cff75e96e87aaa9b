"""The error that each of Vertex AI's replies means."""

import logging

import pytest

from render_worker.errors import ServiceBlocked
from tests.fakes.processes import free_port
from tests.worker.engines.vertex.conftest import API_KEY, Notes, asked, configured, made, play, refused


@pytest.mark.parametrize(
    ("behaviour", "code", "words"),
    [
        ("invalid_argument", "engine_request_refused", "parameters"),
        ("failed_precondition", "engine_failed", "HTTP 400"),
        ("api_key_invalid", "engine_unauthorized", "HTTP 400"),
        ("unauthenticated", "engine_unauthorized", "HTTP 401"),
        ("permission_denied", "engine_unauthorized", "HTTP 403"),
        ("service_disabled", "engine_unauthorized", "HTTP 403"),
        ("billing_disabled", "engine_quota_exhausted", "billing"),
        ("not_found", "engine_not_configured", "VERTEX_MODEL, gemini-3.1-flash-image, at VERTEX_AI_LOCATION global"),
        ("exhausted", "engine_rate_limited", "enough requests"),
        ("internal", "engine_busy", "HTTP 500"),
        ("unavailable", "engine_busy", "HTTP 503"),
        ("deadline_exceeded", "engine_failed", "HTTP 504"),
        ("html_502", "engine_failed", "HTTP 502"),
        ("reset", "engine_failed", "broke off"),
        ("blocked", "content_refused", "PROHIBITED_CONTENT"),
        ("safety", "content_refused", "IMAGE_SAFETY"),
        ("text", "picture_missing", "words in place of a picture"),
        ("sensitive_words", "content_refused", "filter"),
        ("no_image", "picture_missing", "NO_IMAGE"),
        ("nothing", "engine_unexpected_reply", "without a picture"),
        ("html", "engine_unexpected_reply", "cannot be read"),
        ("list", "engine_unexpected_reply", "without a picture"),
        ("wrong_types", "engine_unexpected_reply", "cannot be read"),
        ("not_base64", "engine_unexpected_reply", "cannot be read"),
        ("redirect", "engine_unexpected_reply", "HTTP 307"),
        ("huge", "engine_unexpected_reply", "larger"),
        ("compressed", "engine_unexpected_reply", "compressed"),
    ],
)
def test_each_reply_has_its_code(by_key, site, behaviour, code, words):
    play(site, behaviour)
    failure = refused(by_key)
    assert (failure.code, words in str(failure)) == (code, True), str(failure)


@pytest.mark.filterwarnings("ignore:SOMETHING_NEW is not a valid FinishReason")
def test_an_unknown_reason_is_quoted(by_key, site):
    play(site, "unknown_reason")
    assert "SOMETHING_NEW" in str(refused(by_key))


@pytest.mark.parametrize("behaviour", ["exhausted", "unavailable", "internal"])
def test_a_request_that_was_turned_away_is_sent_again(by_key, site, behaviour):
    play(site, behaviour, times=2)
    notes = Notes()
    assert made(by_key, notes).data
    assert (len(asked(site)), len(notes.setbacks)) == (3, 2)


@pytest.mark.parametrize("behaviour", ["reset", "deadline_exceeded", "html_502", "permission_denied"])
def test_a_request_that_may_have_been_served_or_never_will_be_is_not_sent_again(by_key, site, behaviour):
    play(site, behaviour)
    refused(by_key)
    assert len(asked(site)) == 1


@pytest.mark.parametrize(("behaviour", "seconds"), [("exhausted_37s", 37), ("exhausted_absurdly", 86_400)])
def test_a_delay_that_google_names_is_passed_on(by_key, site, behaviour, seconds):
    play(site, behaviour)
    failure = refused(by_key)
    assert isinstance(failure, ServiceBlocked)
    assert (failure.retry_after, len(asked(site))) == (seconds, 1)


def test_a_service_out_of_reach_is_said():
    engine = configured(vertex_url=f"http://127.0.0.1:{free_port()}", google_api_key=API_KEY)
    assert refused(engine).code == "engine_unreachable"


def test_google_s_words_are_for_the_log(by_key, site, caplog):
    play(site, "permission_denied")
    with caplog.at_level(logging.DEBUG):
        refused(by_key)
    assert "aiplatform.endpoints.predict" in caplog.text
    assert API_KEY not in caplog.text
