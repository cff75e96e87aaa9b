"""The sign-in of the engine `vertex`: the service account's tokens, and what it reads of the environment."""

import asyncio
import time

import pytest
import requests

from render_worker.contract import Recipe
from render_worker.engines.base import require_package
from render_worker.errors import EngineNotConfigured
from tests.fakes.processes import free_port
from tests.worker.engines.vertex.conftest import API_KEY, PROMPT, Notes, asked, configured, made, play, refused


def test_a_token_serves_until_shortly_before_its_end(by_account, site):
    engine = by_account()
    made(engine)
    made(engine)
    assert len(asked(site, "vertex_token")) == 1
    play(site, "token_short")
    engine = by_account()
    made(engine)
    made(engine)
    assert len(asked(site, "vertex_token")) == 3


@pytest.mark.parametrize(
    ("behaviour", "sign_ins"), [("token_float", 1), ("token_text", 1), ("token_endless", 1), ("token_no_number", 2)]
)
def test_a_token_s_end_is_understood_however_it_is_written(by_account, site, behaviour, sign_ins):
    play(site, behaviour)
    engine = by_account()
    made(engine)
    made(engine)
    assert len(asked(site, "vertex_token")) == sign_ins


def test_pictures_do_not_wait_for_each_other_s_sign_ins_in_vain(by_account, site, monkeypatch):
    monkeypatch.setattr("render_worker.engines.vertex.service_account.SIGN_IN_SECONDS", 2.0)
    play(site, "token_hang")
    engine = by_account()

    async def all_at_once() -> list:
        pictures = (engine.generate(Recipe(prompt=PROMPT), Notes()) for _ in range(4))
        return await asyncio.gather(*pictures, return_exceptions=True)

    begun = time.monotonic()
    failures = asyncio.run(all_at_once())
    assert [getattr(failure, "code", failure) for failure in failures] == ["timeout"] * 4
    assert time.monotonic() - begun < 6  # one after the other takes 8


def test_a_token_that_is_refused_is_not_used_again(by_account, site):
    engine = by_account()
    play(site, "unauthenticated", times=1)
    refused(engine)
    made(engine)
    assert len(asked(site, "vertex_token")) == 2


def test_callers_at_the_same_time_share_one_token(by_account, site):
    play(site, "ok", painted="beforehand", delay=0.3)
    engine = by_account()

    async def all_at_once() -> list:
        return await asyncio.gather(*(engine.generate(Recipe(prompt=PROMPT), Notes()) for _ in range(4)))

    assert len(asyncio.run(all_at_once())) == 4
    gauge = requests.get(f"{site.url}/sandbox/gauge", timeout=5).json()
    assert (gauge["peak"], len(asked(site, "vertex_token"))) == (4, 1)


def test_the_environment_s_proxies_and_google_settings_are_not_taken(by_account, site, monkeypatch):
    nowhere = f"http://127.0.0.1:{free_port()}"
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "GOOGLE_VERTEX_BASE_URL"):
        monkeypatch.setenv(name, nowhere)
    for name in ("GOOGLE_API_KEY", "GEMINI_API_KEY", "GOOGLE_CLOUD_LOCATION", "GOOGLE_GENAI_API_VERSION"):
        monkeypatch.setenv(name, "another")
    engine = by_account(google_api_key=None)
    assert made(engine).data
    monkeypatch.undo()  # what follows is the test's own requests
    assert asked(site)[0]["body"]["location"] == "us-central1"


@pytest.mark.parametrize("mode", ["record", "auto", "replay"])
def test_the_sdk_s_replays_are_not_taken_from_the_environment(by_key, site, tmp_path, monkeypatch, mode):
    monkeypatch.setenv("GOOGLE_GENAI_CLIENT_MODE", mode)
    monkeypatch.setenv("GOOGLE_GENAI_REPLAYS_DIRECTORY", str(tmp_path))
    monkeypatch.setenv("GOOGLE_GENAI_REPLAY_ID", "a/b")
    assert made(by_key).data
    assert (len(asked(site)), list(tmp_path.iterdir())) == (1, [])


def test_what_is_missing_is_named(tmp_path, key_file):
    cases = [
        ({}, "GOOGLE_APPLICATION_CREDENTIALS or GOOGLE_API_KEY not configured"),
        ({"google_application_credentials": key_file}, "GOOGLE_CLOUD_PROJECT not configured"),
    ]
    for settings, words in cases:
        with pytest.raises(EngineNotConfigured, match=words):
            configured(**settings).check()
    configured(google_api_key=API_KEY).check()
    words = "put render_worker/requirements-vertex.txt into the worker's Python .make run does it by itself. and start"
    with pytest.raises(EngineNotConfigured, match=words):
        require_package("no_such_package.below", "vertex")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read"),
        ("{", "no service account's key"),
        ("[]", "no service account's key"),
        ('{"type": "authorized_user"}', "no service account's key"),
        ('{"private_key": "PRIVATE KEY", "client_email": "a", "token_uri": 7}', "no service account's key"),
    ],
)
def test_a_bad_key_file_is_an_error(tmp_path, site, content, words):
    path = tmp_path / "key.json"
    if content is not None:
        path.write_text(content)
    engine = configured(vertex_url=f"{site.url}/vertex", google_cloud_project="p", google_application_credentials=path)
    failure = refused(engine)
    assert (failure.code, words in str(failure)) == ("engine_not_configured", True)
    if content is None:
        with pytest.raises(EngineNotConfigured, match=words):
            engine.check()


@pytest.mark.parametrize(
    ("settings", "address"),
    [
        ({}, "https://aiplatform.googleapis.com"),
        ({"vertex_ai_location": "eu"}, "https://aiplatform.eu.rep.googleapis.com"),
        ({"vertex_ai_location": "us-central1"}, "https://us-central1-aiplatform.googleapis.com"),
        ({"vertex_ai_location": "us-central1", "google_api_key": API_KEY}, "https://aiplatform.googleapis.com"),
    ],
)
def test_each_location_has_google_s_address(settings, address):
    assert configured(**settings)._address == address


@pytest.mark.parametrize(
    ("behaviour", "code", "words"),
    [
        ("token_refused", "engine_unauthorized", "service account"),
        ("token_500", "engine_busy", "HTTP 500"),
        ("token_html", "engine_unexpected_reply", "cannot be read"),
        ("token_without", "engine_unexpected_reply", "without a token"),
    ],
)
def test_each_reply_of_the_token_endpoint_has_its_code(by_account, site, behaviour, code, words):
    play(site, behaviour)
    failure = refused(by_account())
    assert (failure.code, words in str(failure)) == (code, True), str(failure)
    assert asked(site) == []
