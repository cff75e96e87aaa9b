"""AUTOMATIC1111 and its likes: the error that each refusal and each odd reply means."""

import pytest

from render_worker.errors import (
    BadPicture,
    EngineBusy,
    EngineError,
    EngineNotConfigured,
    EngineUnreachable,
    PhaseTimeout,
    RequestInvalid,
    UnexpectedReply,
)
from tests.fakes.at_automatic1111 import make, play
from tests.fakes.processes import free_port
from tests.fakes.scripted_server import ScriptedServer


@pytest.mark.parametrize("flavour", ["a1111", "sdnext", "sdcpp"])
@pytest.mark.parametrize(
    ("word", "error", "sentence"),
    [
        ("oom", EngineBusy, "out of memory: CUDA out of memory.*smaller picture"),
        ("nans", EngineError, "HTTP 500: A tensor with all NaNs"),
    ],
)
def test_a_failure_is_told_in_the_server_s_words(site, flavour, word, error, sentence):
    play(site, automatic1111=word, automatic1111_flavour=flavour)
    with pytest.raises(error, match=sentence) as caught:
        make(site)
    assert type(caught.value) is error


@pytest.mark.parametrize(
    ("word", "error", "sentence"),
    [
        ("crash", EngineError, "HTTP 500: Internal Server Error. .*console"),
        ("no_results", EngineError, "generate_image returned no results"),
        ("no_api", EngineNotConfigured, "--api"),
        ("html_502", EngineBusy, "HTTP 502.$"),
        ("gateway_timeout", EngineBusy, "HTTP 504: upstream request timeout"),
        ("nothing", BadPicture, "no picture"),
        ("null", BadPicture, "no picture"),
        ("wrong_types", BadPicture, "no picture"),
        ("not_base64", BadPicture, "no base64"),
        ("list", UnexpectedReply, "JSON object"),
        ("deep", UnexpectedReply, "JSON object"),
        ("404", EngineNotConfigured, "HTTP 404"),
        ("broken_off", EngineUnreachable, "cannot be reached"),
        ("reset", EngineUnreachable, "cannot be reached"),
        ("compressed", UnexpectedReply, "compressed"),
    ],
)
def test_each_reply_has_its_own_error(site, word, error, sentence):
    play(site, automatic1111=word)
    with pytest.raises(error, match=sentence) as caught:
        make(site)
    assert type(caught.value) is error


@pytest.mark.parametrize("flavour", ["a1111", "forge", "sdnext"])
def test_a_sampler_that_it_does_not_have_is_named_by_its_setting(site, flavour):
    play(site, automatic1111_flavour=flavour)
    with pytest.raises(EngineNotConfigured, match=r"Sampler not found.*AUTOMATIC1111_SAMPLER"):
        make(site, automatic1111_sampler="Dreaming")


@pytest.mark.parametrize(
    ("status", "body", "error", "sentence"),
    [
        (422, b'{"detail":[{"loc":["body","width"],"msg":"not a valid integer"}]}', RequestInvalid, "width: not a val"),
        (422, b'{"detail":[7]}', RequestInvalid, "HTTP 422.$"),
        (422, b'{"detail":[]}', RequestInvalid, "HTTP 422.$"),
        (400, b'{"error":"empty body"}', RequestInvalid, "empty body"),
        (413, b"", RequestInvalid, "HTTP 413"),
        (403, b"", EngineError, "AUTOMATIC1111_AUTH"),
        (404, b"", EngineNotConfigured, "AUTOMATIC1111_URL"),
        (405, b'{"detail":"Method Not Allowed"}', EngineNotConfigured, "--api"),
        (404, b'{"detail":"Model not found"}', EngineNotConfigured, "AUTOMATIC1111_MODEL"),
        (429, b"slow down", EngineBusy, "slow down"),
        (503, b"<html>", EngineBusy, "HTTP 503.$"),
        (302, b"", UnexpectedReply, "HTTP 302"),
        (500, b'{"errors":"\xff\x00"}', EngineError, "HTTP 500"),
        (500, b'{"error":"OutOfMemoryError","errors":""}', EngineBusy, "out of memory"),
        (500, b'{"errors": {"loc": 7, "msg": ["x"]}}', EngineError, "HTTP 500"),
    ],
)
def test_each_status_has_its_own_error(status, body, error, sentence):
    with ScriptedServer() as server:
        server.say(status, body)
        with pytest.raises(error, match=sentence):
            make(server, automatic1111_url=server.url)


def test_a_server_that_is_down_or_hangs_has_its_own_error(site):
    with pytest.raises(EngineUnreachable):
        make(site, automatic1111_url=f"http://127.0.0.1:{free_port()}")
    for word in ("hang", "drip"):  # nothing at all, or a byte now and then
        play(site, automatic1111=word)
        with pytest.raises(PhaseTimeout):
            make(site, automatic1111_seconds=0.5)


@pytest.mark.parametrize("ended", ["interrupted", "skipped"])
@pytest.mark.parametrize("flavour", ["a1111", "forge", "sdnext"])
def test_what_another_client_interrupted_is_no_picture(site, flavour, ended):
    play(site, automatic1111=ended, automatic1111_flavour=flavour, delay=0.1)
    with pytest.raises(EngineError, match="interrupted at the picture") as caught:
        make(site)
    assert type(caught.value) is EngineError
    play(site, automatic1111_flavour=flavour)
    assert make(site).data  # what was interrupted before is no longer said of this one


def test_a_reply_without_an_end_is_not_read(site):
    play(site, automatic1111="oversized")
    with pytest.raises(UnexpectedReply, match="larger"):
        make(site)
