"""`prefer`: on the way to the worker, beside the cache, and with a worker that does not know it."""

import json

import pytest
import simple_websocket

from tests.api.conftest import RESULT

SENT = ["fast", "free", "quality"]
OLDER = {
    "success": False,
    "error": '"prefer" is not a parameter here; known are prompt, negative_prompt, seed.',
    "code": "invalid_parameter",
}


@pytest.mark.parametrize("word", SENT)
def test_it_reaches_the_worker_by_every_method(client, worker, word):
    client.get(f"/generate?prompt=a&prefer={word}")
    client.post("/generate", json={"prompt": "a", "prefer": word})
    client.get(f"/generate?prompt=a&prefer={word}", headers={"Accept": "text/event-stream"}).get_data()
    client.get(f"/generate?prompt=a&n=2&prefer={word}")
    client.get(f"/sheet?prompt=a&prefer={word}")
    asked = worker.asked_to_make()
    assert len(asked) == 3 + 2 + 4
    assert {it["prefer"] for it in asked} == {word}


def test_it_reaches_the_worker_by_the_websocket(front):
    socket = simple_websocket.Client(f"{front.url.replace('http', 'ws')}/stream/generate/txt2img")
    socket.send(json.dumps({"prompt": "a", "prefer": "free"}))
    while json.loads(socket.receive(timeout=20))["event"] != "result":
        pass
    socket.close()
    assert front.worker.asked_to_make()[0]["prefer"] == "free"


def test_without_it_nothing_is_sent(client, worker):
    client.get("/generate?prompt=a")
    client.get("/generate?prompt=a&prefer=null")
    assert not any("prefer" in asked for asked in worker.asked_to_make())


@pytest.mark.parametrize("value", ["cheap", "1", "fast,free"])
def test_another_word_is_refused(client, worker, value):
    answer = client.post("/generate", json={"prompt": "a", "prefer": value})
    assert (answer.status_code, answer.json["code"]) == (400, "invalid_parameter")
    assert answer.json["error"].startswith("prefer must be one of fast, free, quality")
    assert worker.asked_to_make() == []


@pytest.mark.parametrize("method", ["get", "head"])
def test_it_goes_with_auto_only(client, worker, method):
    answer = getattr(client, method)("/generate?prompt=a&prefer=free&model=sketch")
    assert answer.status_code == 400
    if method == "get":
        assert answer.json["error"] == "prefer only goes with model=auto."
    assert worker.asked_to_make() == []


def test_a_cached_picture_is_returned_whatever_is_preferred(client, worker):
    for query, cached in (("", False), ("&prefer=quality", True), ("&prefer=free&cache=false", False)):
        assert client.get(f"/generate?prompt=a&seed=7{query}").json["cached"] is cached
    assert len(worker.asked_to_make()) == 2


def test_an_older_worker_is_asked_without_it(client, worker):
    worker.say(400, OLDER, before=lambda: worker.say(200, RESULT))
    answer = client.get("/generate?prompt=a&prefer=free").json
    assert answer["ignored"] == ["prefer"]
    assert ["prefer" in asked for asked in worker.asked_to_make()] == [True, False]


def test_models_tell_what_it_is_chosen_by(client, worker):
    known = {"price": 0.003, "quality": 3, "p50_seconds": 2.5, "p90_seconds": 4.0, "success_rate": 0.98}
    model = {"name": "replicate", "description": "A.", "answers_auto": True, "state": "ready", **known}
    worker.say_to("/models", 200, {"models": [model]})
    (told,) = client.get("/models").json["models"]
    assert {name: told[name] for name in known} == known


@pytest.mark.parametrize("path", ["/v1/images/generations", "/v1/images/generate"])
def test_it_and_within_reach_the_worker_from_the_routes_below_v1(client, worker, path):
    worker.say(200, {**RESULT, "expected_seconds": 12})
    answer = client.post(path, json={"prompt": "a", "prefer": "free", "within": 20})
    assert answer.status_code == 200
    (asked,) = worker.asked_to_make()
    assert (asked["prefer"], asked["within"]) == ("free", 20)
    assert answer.json.get("data", [answer.json])[0]["expected_seconds"] == 12


@pytest.mark.parametrize("path", ["/v1/images/generations", "/v1/images/generate"])
@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"prefer": "cheap"}, "prefer must be one of fast, free, quality"),
        ({"within": 0}, "within must be a number of seconds above 0"),
        ({"prefer": "free", "model": "sketch"}, "prefer only goes with model=auto."),
        ({"within": 5, "model": "sketch"}, "within only goes with model=auto."),
    ],
    ids=str,
)
def test_there_they_are_checked_as_everywhere(client, worker, path, fields, sentence):
    models = {"models": [{"name": "sketch", "description": "A.", "answers_auto": True, "state": "ready"}]}
    worker.say_to("/models", 200, models)
    answer = client.post(path, json={"prompt": "a", **fields})
    assert answer.status_code == 400
    error = answer.json.get("error") or answer.json
    assert error["message"].startswith(sentence)
    assert worker.asked_to_make() == []
