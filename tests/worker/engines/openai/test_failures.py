"""Each refusal of OpenAI and of the servers like it, and the error that it means."""

import pytest

from render_worker.engines.openai.refusals import ResponseFormatRefused, error_of, refusal_in, wait_seconds
from render_worker.errors import (
    BadPicture,
    ContentRefused,
    EngineBusy,
    EngineError,
    EngineNotConfigured,
    EngineRateLimited,
    EngineUnauthorized,
    EngineUnreachable,
    PhaseTimeout,
    QuotaExhausted,
    RequestInvalid,
    UnexpectedReply,
)
from sandbox.openai_refusals import REFUSALS
from tests.fakes.at_openai import KEY, asked, make, play
from tests.fakes.scripted_server import ScriptedServer

MEANT = {
    "moderation": (ContentRefused, "safety system"),
    "policy": (ContentRefused, "does not make"),
    "filtered": (ContentRefused, "does not make"),
    "inner_filtered": (ContentRefused, "does not make"),
    "wrapped": (ContentRefused, "does not make"),
    "declined": (ContentRefused, "declined"),
    "ok_refused": (ContentRefused, "safety system"),
    "moderated": (ContentRefused, "hand out"),
    "no_quota": (QuotaExhausted, "exceeded your current quota"),
    "hard_limit": (QuotaExhausted, "hard limit"),
    "no_balance": (QuotaExhausted, "0.004 pollen"),
    "wrong_key": (EngineUnauthorized, "key"),
    "unverified": (EngineUnauthorized, "organisation .* verified for gpt-image-2"),
    "no_model": (EngineNotConfigured, "gpt-image-2"),
    "no_deployment": (EngineNotConfigured, "no such deployment"),
    "detail": (EngineNotConfigured, "Model mismatch"),
    "too_many": (EngineRateLimited, "how often"),
    "too_many_reset": (EngineRateLimited, "how often"),
    "too_many_milliseconds": (EngineRateLimited, "how often"),
    "too_many_absurd": (EngineRateLimited, "how often"),
    "too_many_silent": (EngineRateLimited, "how often"),
    "unknown_parameter": (RequestInvalid, "about seed"),
    "detail_list": (ResponseFormatRefused, "response_format: Input should be"),
    "text": (RequestInvalid, "prompt required"),
    "message": (RequestInvalid, "no such size"),
    "odd": (RequestInvalid, "HTTP 400"),
    "unprocessable": (RequestInvalid, "width"),
    "server_error": (EngineBusy, "HTTP 500"),
    "overloaded": (EngineBusy, "overloaded"),
    "detail_busy": (EngineBusy, "not ready"),
    "number": (EngineBusy, "could not load model"),
    "crash": (EngineBusy, "bad_alloc"),
    "plain": (EngineBusy, "Internal Server Error"),
    "html_502": (EngineBusy, "HTTP 502"),
    "ok_failed": (EngineError, "the model crashed"),
    "neither": (BadPicture, "holds no picture"),
    "no_items": (BadPicture, "holds no picture"),
    "wrong_types": (BadPicture, "holds no picture"),
    "not_base64": (BadPicture, "no base64"),
    "html": (UnexpectedReply, "JSON"),
    "deep": (UnexpectedReply, "JSON"),
    "redirect": (UnexpectedReply, "HTTP 307"),
}
WAITS = {"too_many": 7, "too_many_reset": 360, "too_many_milliseconds": 2, "overloaded": 9, "no_quota": 3600}


@pytest.mark.parametrize("word", REFUSALS)
def test_each_refusal_has_its_own_error(site, word):
    error, sentence = MEANT[word]
    play(site, openai=word)
    with pytest.raises(error, match=sentence) as caught:
        make(site)
    assert type(caught.value) is error
    assert "OpenAI" in str(caught.value)
    assert "<" not in str(caught.value)
    if word in WAITS:
        assert caught.value.retry_after == WAITS[word]
    assert len(asked(site)) == 1  # nothing is asked for twice


def test_a_server_that_hangs_is_a_timeout(site):
    play(site, openai="hang")
    with pytest.raises(PhaseTimeout):
        make(site, openai_seconds=0.5)


def test_a_connection_that_is_cut_is_unreachable(site):
    play(site, openai="reset_connection")
    with pytest.raises(EngineUnreachable):
        make(site)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "12"}, 12),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "9" * 9}, 86_400),
        ({"retry-after-ms": "1"}, 1),
        ({"x-ratelimit-reset-requests": "1s"}, 1),
        ({"x-ratelimit-reset-requests": "1h2m3s"}, 3723),
        ({"x-ratelimit-reset-requests": "1.5s"}, 2),
        ({"x-ratelimit-reset-requests": "20ms"}, 1),
        ({"x-ratelimit-reset-requests": "", "x-ratelimit-reset-tokens": "soon"}, None),
        ({"x-ratelimit-reset-requests": "s"}, None),
        ({"x-ratelimit-reset-requests": "9" * 5000 + "s"}, None),
        ({}, None),
    ],
)
def test_the_wait_that_headers_name_is_read(headers, seconds):
    assert wait_seconds(headers) == seconds


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"error": None},
        {"error": []},
        {"error": {"code": None, "message": None, "type": [], "param": {}}},
        {"error": {"inner_error": 7}},
        {"detail": []},
        {"detail": [7]},
        {"detail": [{"loc": 7, "msg": 7}]},
        {"detail": {"message": "?"}},
        {"message": ["?"]},
        {"error": {"retry_after": float("nan")}},
        {"error": {"retry_after": True}},
        {"error": {"retry_after": 10**400}},
    ],
    ids=str,
)
def test_a_refusal_of_odd_types_is_read_as_one_that_says_nothing(document):
    found = refusal_in(document, 400)
    assert (found.message, found.seconds) == ("", None)


@pytest.mark.parametrize(
    "body",
    ['{{"error": "no such host as {host}"}}', '{{"error": {{"message": "wrong: {key}"}}}}', '{{"detail": "{prompt}"}}'],
)
def test_no_error_repeats_the_key_the_address_or_the_prompt(body):
    with ScriptedServer() as server:
        host = server.url.removeprefix("http://")
        server.say(400, body.format(host=host, key=KEY, prompt="a secret wish").encode())
        with pytest.raises(RequestInvalid) as caught:
            make(server, "compatible", prompt="a secret wish")
    assert str(caught.value) == "the images API answered HTTP 400."


@pytest.mark.parametrize(("stage", "unbilled"), [("input", True), ("output", False), (None, False)])
def test_a_refused_text_is_not_billed(stage, unbilled):
    error = {"code": "moderation_blocked", "message": "no", "moderation_details": {"moderation_stage": stage}}
    assert error_of(refusal_in({"error": error}, 400), "OpenAI", "a model", ()).unbilled is unbilled
