"""AUTH=huggingface at a real server: a stampede, WebSockets, streams, and OpenAI's client."""

import threading
from concurrent.futures import ThreadPoolExecutor

import openai
import pytest
import requests

from tests.api.conftest import ScriptedWorker
from tests.end_to_end.test_handshakes import handshake, status_of
from tests.fakes.processes import api, sandbox
from tests.fakes.scripted_server import ScriptedServer

PATH = "stream/generate/txt2img"
WHOAMI = b'{"type": "user", "id": "1", "name": "ann", "auth": {"accessToken": {"role": "read"}}}'
ANN = {"Authorization": "Bearer hf_read_ann"}


@pytest.fixture(scope="module")
def site():
    with sandbox() as server:
        yield server


@pytest.fixture(scope="module")
def scripted():
    worker = ScriptedWorker()
    yield worker
    worker.close()


@pytest.fixture(scope="module")
def front(site, scripted):
    with api(PERCHANCE_WORKER_URL=scripted.url, AUTH="huggingface", HUB_URL=f"{site.url}/hub") as server:
        yield server


def make(front, headers=ANN, path="generate?prompt=a") -> requests.Response:
    return requests.get(f"{front.url}/{path}", headers=headers, timeout=30)


def test_it_works(front):
    assert (make(front).status_code, make(front, {}).status_code) == (200, 401)


def test_a_stampede_with_one_token_is_one_check(scripted):
    with (
        ScriptedServer() as hub,
        api(PERCHANCE_WORKER_URL=scripted.url, AUTH="huggingface", HUB_URL=hub.url, RATE_LIMIT="off") as front,
        ThreadPoolExecutor(80) as pool,
    ):
        hub.say(200, WHOAMI)
        ready = threading.Barrier(80)

        def status(number: int) -> int:
            ready.wait()
            return make(front, path=f"generate?prompt=a{number}").status_code

        assert set(pool.map(status, range(80))) == {200}
        assert len(hub.asked) == 1


def test_a_hub_that_hangs_holds_up_no_open_address(scripted):
    with (
        ScriptedServer() as hub,
        api(PERCHANCE_WORKER_URL=scripted.url, AUTH="huggingface", HUB_URL=hub.url, RATE_LIMIT="off") as front,
        ThreadPoolExecutor(60) as pool,
    ):
        hub.say(200, hang=True)
        waiting = [pool.submit(make, front, {"Authorization": f"Bearer hf_{number}"}) for number in range(60)]
        while not all(it.done() for it in waiting):
            assert requests.get(f"{front.url}/health", timeout=20).status_code == 200
        assert {it.result().status_code for it in waiting} == {503}
        assert "Traceback" not in front.log()


@pytest.mark.parametrize(
    ("headers", "status"),
    [({}, 401), ({"Authorization": "Bearer hf_unknown_a"}, 401), ({"Authorization": "Bearer hf_oauth_a"}, 403)],
)
def test_a_handshake_is_refused_by_its_status(front, headers, status):
    assert status_of(handshake(front, **headers)) == status
    answer = requests.get(f"{front.url}/{PATH}", headers=headers, timeout=30)
    assert (answer.status_code, answer.json()["success"]) == (status, False)


def test_and_accepted_with_a_token(front):
    assert status_of(handshake(front, **ANN)) == 101


def test_an_event_stream_is_refused_by_its_status(front):
    answer = make(front, {"Accept": "text/event-stream"})
    assert (answer.status_code, answer.headers["Content-Type"]) == (401, "application/json")
    streamed = make(front, {**ANN, "Accept": "text/event-stream"})
    assert (streamed.status_code, "event: result" in streamed.text) == (200, True)


@pytest.mark.parametrize("stream", [True, False])
def test_openai_s_client_raises_before_any_event(front, stream):
    with openai.OpenAI(base_url=f"{front.url}/v1", api_key="hf_unknown_b", max_retries=0) as client:
        with pytest.raises(openai.AuthenticationError) as refused:
            client.images.generate(prompt="a tree", model="gpt-image-1", stream=stream)
        assert refused.value.code == "invalid_api_key"
        with pytest.raises(openai.AuthenticationError):
            client.images.edit(image=b"x", prompt="a tree")


def test_a_body_that_is_not_read_smuggles_no_request(front):
    answer = requests.post(f"{front.url}/generate", data=b"x" * 3_000_000, timeout=30)
    assert answer.status_code == 401
    assert answer.headers["Connection"] == "close"


def test_no_token_is_in_the_log(front):
    make(front, {"Authorization": "Bearer hf_unknown_AVeryOwnToken"})
    make(front, {"Authorization": "Bearer hf_read_AVeryOwnToken"})
    make(front, {"Authorization": "Bearer hf_\x7fAVeryOwnToken"})
    assert "AVeryOwnToken" not in front.log()
