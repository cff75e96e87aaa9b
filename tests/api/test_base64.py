"""response_format=b64_json: the picture itself in every JSON that has its address."""

import base64
import json

import pytest
import requests
import simple_websocket

from tests.api.conftest import NAME, PICTURE, RESULT, ScriptedWorker
from tests.fakes.processes import api
from tests.fakes.ways import Front

LARGE = bytes(range(256)) * 8_000 + b"!"  # more than a connection's buffers hold, and no multiple of three


@pytest.fixture(params=[PICTURE, LARGE], ids=["small", "large"])
def picture(request, scripted) -> bytes:
    scripted.say_to(f"/images/{NAME}", 200, request.param)
    return request.param


@pytest.fixture(scope="module")
def scripted():
    worker = ScriptedWorker()
    yield worker
    worker.close()


@pytest.fixture(scope="module")
def here(scripted):
    with api(PERCHANCE_WORKER_URL=scripted.url) as server:
        yield Front(server.url, scripted)


def decoded(body: dict) -> bytes:
    return base64.b64decode(body["b64_json"], validate=True)


def test_it_works(here, picture):
    answer = requests.get(f"{here.url}/generate?prompt=a&response_format=b64_json", timeout=20)
    assert answer.headers["Content-Type"] == "application/json"
    assert (answer.headers["X-Cache"], answer.headers["Cache-Control"]) == ("MISS", "no-store")
    body = answer.json()
    assert decoded(body) == picture
    del body["b64_json"]
    plain = requests.get(f"{here.url}/generate?prompt=a&response_format=url", timeout=20).json()
    assert body.keys() == plain.keys()
    assert body["image_url"] == plain["image_url"] == f"{here.url}/images/{NAME}"


@pytest.mark.parametrize("path", ["/generate", "/v1/images/generate"])
def test_a_body_asks_for_it_too(here, picture, path):
    answer = requests.post(here.url + path, json={"prompt": "a", "response_format": "B64_JSON"}, timeout=20)
    assert decoded(answer.json()) == picture
    assert answer.json()["image_url"] == f"{here.url}/images/{NAME}"
    assert "b64_json" not in requests.post(here.url + path, json={"prompt": "a"}, timeout=20).json()


def test_the_worker_hears_nothing_of_it_and_the_cache_knows_one_picture(here, scripted, picture):
    prompt = f"a {len(picture)}"
    first = requests.get(f"{here.url}/generate?prompt={prompt}&seed=5", timeout=20)
    again = requests.get(f"{here.url}/generate?prompt={prompt}&seed=5&response_format=b64_json", timeout=20)
    assert [it.headers["X-Cache"] for it in (first, again)] == ["MISS", "HIT"]
    assert decoded(again.json()) == picture
    assert "response_format" not in scripted.asked_to_make()[-1]


def test_a_picture_viewer_that_asks_for_base64_is_not_redirected(here, picture):
    headers = {"Accept": "image/png", "Sec-Fetch-Dest": "image"}
    answer = requests.get(f"{here.url}/generate?prompt=a&response_format=b64_json", headers=headers, timeout=20)
    assert (answer.status_code, decoded(answer.json())) == (200, picture)


@pytest.mark.parametrize(
    "path", ["/generate?format=image", "/generate?format=redirect", "/generate.png?", "/generate.webp?"]
)
def test_beside_a_picture_or_a_redirect_it_is_refused_by_name(client, worker, path):
    answer = client.get(f"{path}&prompt=a&response_format=b64_json")
    assert (answer.status_code, answer.json["code"]) == (400, "invalid_parameter")
    assert answer.json["error"].startswith("response_format")
    assert worker.requests == []


def test_what_says_nothing_contradicts_nothing(client):
    for query in (
        "format=json&response_format=b64_json",
        "format=image&response_format=url",
        "format=&response_format=",
    ):
        assert client.get(f"/generate?prompt=a&{query}").status_code == 200
    assert client.get("/generate.png?prompt=a&response_format=&format=").mimetype == "image/png"


def events_of(answer: requests.Response) -> list[dict[str, str]]:
    texts = answer.text.split("\n\n")
    return [dict(line.split(": ", 1) for line in text.split("\n")) for text in texts if text]


def test_a_stream_s_result_has_it_and_so_has_its_replay(here, picture):
    address = f"{here.url}/generate?prompt=a&response_format=b64_json"
    events = events_of(requests.get(address, headers={"Accept": "text/event-stream"}, timeout=20))
    assert [it["event"] for it in events if "event" in it] == ["result"]
    assert decoded(json.loads(events[-1]["data"])) == picture
    assert json.loads(events[-1]["data"])["image_url"] == f"{here.url}/images/{NAME}"
    lost = events[-1]["id"].replace(":end", ":0")
    again = events_of(requests.get(address, headers={"Last-Event-ID": lost}, timeout=20))
    first, second = (json.loads(it[-1]["data"]) for it in (events, again))
    assert first.pop("request_id") != second.pop("request_id")
    assert first == second
    assert again[-1]["id"] == events[-1]["id"]
    over = requests.get(address, headers={"Last-Event-ID": again[-1]["id"]}, timeout=20)
    assert over.status_code == 204


def test_a_stream_without_it_is_as_it_was(here, picture):
    answer = requests.post(
        f"{here.url}/generate", json={"prompt": "a"}, headers={"Accept": "text/event-stream"}, timeout=20
    )
    last = events_of(answer)[-1]
    assert ("b64_json" in last["id"], "b64_json" in json.loads(last["data"])) == (False, False)


def test_a_websocket_s_result_has_it(here, picture):
    said = here.said(json.dumps({"prompt": "a", "response_format": "b64_json"}))
    assert (said["event"], decoded(said["result"])) == ("result", picture)
    assert said["result"]["image_url"].endswith(f"/images/{NAME}")
    assert "b64_json" not in here.said(json.dumps({"prompt": "a"}))["result"]


def test_a_picture_that_cannot_be_read_is_the_error_of_its_kind_everywhere(here, scripted):
    scripted.say_to(f"/images/{NAME}", 500, {})
    body = {"prompt": "a", "response_format": "b64_json"}
    answer = requests.post(f"{here.url}/generate", json=body, timeout=20)
    assert (answer.status_code, answer.json()["code"]) == (502, "picture_unavailable")
    styled = requests.post(f"{here.url}/v1/images/generate", json=body, timeout=20)
    assert (styled.status_code, styled.json()["status"], styled.json()["code"]) == (502, "error", "picture_unavailable")
    stream = requests.post(f"{here.url}/generate", json=body, headers={"Accept": "text/event-stream"}, timeout=20)
    failure = events_of(stream)[-1]
    assert (failure["event"], json.loads(failure["data"])["code"]) == ("failure", "picture_unavailable")
    said = here.said(json.dumps(body))
    assert (said["event"], said["status"], said["error"]["code"]) == ("error", 502, "picture_unavailable")


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
def test_a_picture_that_breaks_off_breaks_the_connection(here, scripted, accept):
    scripted.say_to(f"/images/{NAME}", 200, LARGE, Content_Length=str(len(LARGE) + 1))
    address = f"{here.url}/generate?prompt=a&response_format=b64_json"
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        requests.get(address, headers={"Accept": accept}, timeout=20)


def test_a_picture_that_breaks_off_ends_the_websocket(here, scripted):
    scripted.say_to(f"/images/{NAME}", 200, LARGE, Content_Length=str(len(LARGE) + 1))
    socket = simple_websocket.Client(f"{here.url.replace('http', 'ws')}/stream/generate/txt2img")
    socket.send(json.dumps({"prompt": "a", "response_format": "b64_json"}))
    with pytest.raises(simple_websocket.ConnectionClosed):
        socket.receive(20)


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
def test_a_cached_picture_that_is_gone_is_made_again(client, worker, accept):
    ask = "/generate?prompt=a&seed=7&response_format=b64_json"
    client.get("/generate?prompt=a&seed=7")
    again = {**RESULT, "image_url": "/images/" + "b" * 64 + ".png", "sha256": "b" * 64}
    worker.say(200, again)
    worker.say_to(f"/images/{NAME}", 404, {})
    worker.say_to(again["image_url"], 200, PICTURE)
    text = client.get(ask, headers={"Accept": accept}).text
    body = json.loads(text.partition("data: ")[2] if "data: " in text else text)
    assert decoded(body) == PICTURE
    assert body["image_url"] == f"http://localhost{again['image_url']}"
    assert len(worker.asked_to_make()) == 2


def test_the_front_page_names_it(client):
    assert client.get("/").json["parameters"]["response_format"]["default"] == "url"


def test_a_head_reads_no_picture(client, worker):
    client.get("/generate?prompt=a&seed=7")
    asked = len(worker.requests)
    answer = client.head("/generate?prompt=a&seed=7&response_format=b64_json")
    assert (answer.status_code, answer.mimetype, "Content-Length" in answer.headers) == (200, "application/json", False)
    assert len(worker.requests) == asked


def test_a_picture_whose_turn_comes_late_is_opened_again(client, worker, monkeypatch):
    """Its host ends a connection that is not read for as long as a slow client takes for the pictures before it."""
    monkeypatch.setattr("image_api.web.base64_json.FRESH_SECONDS", 0.0)
    worker.say_to("/images/", 200, PICTURE)
    body = {"prompt": "a", "n": 2, "response_format": "b64_json"}
    answer = client.post("/v1/images/generations", json=body).json
    assert [decoded(it) for it in answer["data"]] == [PICTURE] * 2
    assert [path for method, path, *_ in worker.requests if method == "GET"] == [f"/images/{NAME}"] * 4
