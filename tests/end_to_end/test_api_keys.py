"""AUTH=keys at a real server: keys that the command line makes while it runs, OpenAI's client, and WebSockets."""

import json
import re
import threading
from concurrent.futures import ThreadPoolExecutor

import openai
import pytest
import requests
import simple_websocket

from image_api.auth.api_key import new_key
from tests.api.auth.keys import add, declared, store_at
from tests.api.cli.conftest import flask
from tests.api.conftest import ScriptedWorker
from tests.fakes.processes import api, wait_until

FORMS = ("Authorization", "X-API-Key", "api-key")


@pytest.fixture(scope="module")
def scripted():
    worker = ScriptedWorker()
    worker.say_to("/models", 200, {"models": []})
    yield worker
    worker.close()


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    return f"sqlite:///{tmp_path_factory.mktemp('keys')}/jobs.db"


@pytest.fixture(scope="module")
def front(scripted, database):
    with api(PERCHANCE_WORKER_URL=scripted.url, AUTH="keys", DATABASE_URL=database) as server:
        yield server


@pytest.fixture(scope="module")
def store(front, database):
    with store_at(database) as found:
        yield found


def make(front, key: str | None, path="generate?prompt=a", header="X-API-Key") -> requests.Response:
    sent = {} if key is None else {header: f"Bearer {key}" if header == "Authorization" else key}
    return requests.get(f"{front.url}/{path}", headers=sent, timeout=60)


def test_a_key_of_the_command_line_is_valid_at_once_and_until_it_is_revoked(front, database):
    assert make(front, None).status_code == 401
    created = flask("keys", "create", "--name", "shell", DATABASE_URL=database)
    key = created.stdout.strip()
    assert [make(front, key, header=form).status_code for form in FORMS] == [200] * 3
    assert make(front, key, "generate?prompt=a&format=image").headers["Content-Type"] == "image/png"
    assert flask("keys", "revoke", "shell", DATABASE_URL=database).returncode == 0
    wait_until(lambda: make(front, key).status_code == 401, "the revocation holds", 10)
    assert make(front, key).headers["WWW-Authenticate"].startswith("Bearer realm=")


def test_a_stampede_with_one_key_is_answered(front, store):
    key, ready = add(store, "stampede"), threading.Barrier(60)

    def status(number: int) -> int:
        ready.wait()
        return make(front, key, f"generate?prompt=a{number}").status_code

    with ThreadPoolExecutor(60) as pool:
        assert set(pool.map(status, range(60))) == {200}


def client_of(front, key: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{front.url}/v1", api_key=key, max_retries=0)


class TestOpenAI:
    def test_its_api_key_is_such_a_key(self, front, store):
        with client_of(front, add(store, "openai")) as ai:
            assert ai.images.generate(prompt="a tree", response_format="url").data[0].url
            assert [it.id for it in ai.models.list()]

    @pytest.mark.parametrize("stream", [True, False])
    def test_a_wrong_one_is_an_authentication_error(self, front, stream):
        for key in (new_key(), "sk-proj-anything"):
            with client_of(front, key) as ai, pytest.raises(openai.AuthenticationError) as refused:
                ai.images.generate(prompt="a tree", model="gpt-image-1", stream=stream)
            assert refused.value.code == "invalid_api_key"

    def test_one_that_lacks_the_scope_is_a_permission_error(self, front, store):
        with (
            client_of(front, add(store, "jobs-only", scopes=("jobs",))) as ai,
            pytest.raises(openai.PermissionDeniedError, match="lacks the scope generate"),
        ):
            ai.images.generate(prompt="a tree")

    def test_one_whose_limit_is_reached_is_a_rate_limit_error(self, front, store):
        with client_of(front, add(store, "limited", per_day=1)) as ai:
            ai.images.generate(prompt="the first tree", response_format="url")
            with pytest.raises(openai.RateLimitError) as refused:
                ai.images.generate(prompt="the second tree", response_format="url")
        assert int(refused.value.response.headers["Retry-After"]) > 60

    def test_azure_s_client_sends_it_too(self, front, store):
        key = add(store, "azure")
        with openai.AzureOpenAI(
            azure_endpoint=front.url, api_key=key, api_version="2025-04-01-preview", max_retries=0
        ) as ai:
            assert ai.images.generate(prompt="a tree", model="dall-e-3").data


def test_a_websocket_ends_being_served_when_its_key_is_revoked(front, store):
    key = add(store, "socket")
    address = f"{front.url.replace('http', 'ws')}/stream/generate/txt2img"
    socket = simple_websocket.Client(address, headers={"X-API-Key": key})

    def answer() -> str:
        socket.send(json.dumps({"prompt": "a tree"}))
        while True:
            said = json.loads(socket.receive(30))
            if said["event"] in ("result", "error"):
                return f"{said['event']} {said.get('status', '')}".strip()

    assert answer() == "result"
    store.revoke_key("socket")
    wait_until(lambda: answer() == "error 401", "the revocation holds", 10)
    socket.close()


def test_no_key_is_in_the_log_or_an_answer(front, store):
    keys = [add(store, "logged"), new_key()]
    for key in keys:
        for path in ("generate?prompt=a", f"generate?prompt=a&api_key={key}", f"models?key={key}", f"{key}"):
            for header in FORMS:
                answer = make(front, key, path, header)
                assert key not in re.sub(r"\\", "", answer.text + str(answer.headers)), path
        assert make(front, None, f"generate?prompt=a&api_key={key}").status_code == 401
    assert not any(key in front.log() for key in keys)


WARNING = "AUTH=keys: there is no API key yet"


@pytest.mark.parametrize("exists", [True, False])
@pytest.mark.parametrize("has_key", [None, "stored", "declared"])
def test_a_service_that_has_no_key_says_so_at_its_start(scripted, tmp_path, exists, has_key):
    url, entry = f"sqlite:///{tmp_path}/jobs.db", declared("ann")[1]
    if exists or has_key == "stored":
        with store_at(url) as store:
            if has_key == "stored":
                add(store, "ann")
    settings = {"API_KEYS": entry} if has_key == "declared" else {}
    with api(PERCHANCE_WORKER_URL=scripted.url, AUTH="keys", DATABASE_URL=url, **settings) as server:
        assert make(server, new_key()).status_code == 401  # the keys are loaded now
        assert (WARNING in server.log_file.read_text()) == (has_key is None)
