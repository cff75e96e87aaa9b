"""/v1/models/load and /v1/loras, before a render worker that says what a test wants."""

import json

import pytest

TOKEN = "a-token-of-the-tests"
OPERATOR = {"Authorization": f"Bearer {TOKEN}"}
LOADED = {
    "success": True,
    "model": "sd-2-1",
    "loaded": True,
    "seconds": 3.5,
    "size_bytes": 5_000_000,
    "unloaded": ["a"],
}
LORA = {"success": True, "lora_path": "watercolor", "loaded": True, "model": "sd-xl-base"}
LORAS = {"loras": [{"lora_path": "watercolor", "size_bytes": 9, "loaded": True, "fits": ["sd-xl-base"]}]}
LOADS = ["/v1/models/load", "/v1/loras/load", "/v1/loras/unload"]
BODIES = {"/v1/models/load": {"model_id": "sd-2-1"}}
BASES = ["", "/api"]


@pytest.fixture
def client(client_with):
    return client_with(worker_token=TOKEN)


def refused(answer) -> tuple[int, str, str]:
    return answer.status_code, answer.json["code"], answer.json["error"]


def asked(worker) -> list[tuple[str, dict]]:
    return [(path, json.loads(body)) for method, path, _, body in worker.requests if method == "POST"]


@pytest.mark.parametrize("base", BASES)
def test_a_model_is_loaded(client, worker, base):
    worker.say(200, LOADED)
    answer = client.post(base + "/v1/models/load", json={"model_id": "sd-2-1", "timeout_seconds": 60}, headers=OPERATOR)
    told = {**LOADED, "model_id": "sd-2-1", "request_id": answer.headers["X-Request-ID"]}
    del told["model"]
    assert (answer.status_code, answer.json) == (200, told)
    [(path, body)] = asked(worker)
    assert (path, body["model"]) == ("/models/load", "sd-2-1")
    assert 50 < body["timeout_seconds"] <= 60  # what is left of it


def test_one_that_is_still_being_loaded_is_accepted(client, worker):
    worker.say(200, {**LOADED, "loaded": False, "unloaded": []})
    answer = client.post("/v1/models/load", json={"model_id": "sd-2-1"}, headers=OPERATOR)
    assert (answer.status_code, answer.json["loaded"], answer.json["unloaded"]) == (202, False, [])


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("verb", ["load", "unload"])
def test_a_lora_is_loaded_and_unloaded(client, worker, base, verb):
    state = LORA if verb == "load" else {**LORA, "loaded": False, "model": None}
    worker.say(200, state)
    body = {"lora_path": "watercolor", "model_id": "sd-xl-base"}
    answer = client.post(f"{base}/v1/loras/{verb}", json=body, headers=OPERATOR)
    assert answer.status_code == 200
    told = {"success": True, "lora_path": "watercolor", "loaded": verb == "load"}
    model = {"model_id": "sd-xl-base"} if verb == "load" else {}
    assert answer.json == {**told, **model, "request_id": answer.headers["X-Request-ID"]}
    assert asked(worker) == [(f"/loras/{verb}", {"lora_path": "watercolor", "model": "sd-xl-base"})]


@pytest.mark.parametrize("base", BASES)
def test_the_loras_are_listed_for_all(client, worker, base):
    worker.say(200, LORAS)
    answer = client.get(base + "/v1/loras/list")
    assert (answer.status_code, answer.json) == (200, {"success": True, **LORAS})


@pytest.mark.parametrize("base", BASES)
def test_the_models_are_listed_below_api_too(client, worker, base):
    model = {"name": "sd-2-1", "description": "…", "answers_auto": False, "state": "ready"}
    worker.say(200, {"models": [model]})
    assert [it["id"] for it in client.get(base + "/v1/models").json["data"]] == ["auto", "sd-2-1"]


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("path", LOADS)
@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [({}, 401, "unauthorized"), ({"Authorization": "Bearer another"}, 401, "unauthorized")],
    ids=["no token", "a wrong token"],
)
def test_loading_is_the_operator_s(client, worker, base, path, headers, status, code):
    answer = client.post(base + path, json={"model_id": "a"}, headers=headers)
    assert refused(answer)[:2] == (status, code)
    assert "operator" in answer.json["error"]
    assert "a key with the scope admin" in answer.json["error"]
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert worker.requests == []


@pytest.mark.parametrize("path", LOADS)
def test_without_a_token_of_the_operator_loading_is_closed(client_with, worker, path):
    answer = client_with().post(path, json={"model_id": "a"}, headers=OPERATOR)
    assert refused(answer)[:2] == (403, "forbidden")
    assert worker.requests == []


@pytest.mark.parametrize("path", LOADS)
def test_without_the_engine_it_is_not_configured(client, worker, path):
    body = {"success": False, "error": "No engine here keeps models.", "code": "engine_not_configured"}
    worker.say(503, body)
    sent = BODIES.get(path, {"lora_path": "a"})
    assert refused(client.post(path, json=sent, headers=OPERATOR)) == (503, "engine_not_configured", body["error"])


def test_so_it_is_for_the_list_of_loras(client, worker):
    body = {"success": False, "error": "No engine here keeps models.", "code": "engine_not_configured"}
    worker.say(503, body)
    assert refused(client.get("/v1/loras/list")) == (503, "engine_not_configured", body["error"])


@pytest.mark.parametrize(
    ("path", "body", "named"),
    [
        ("/v1/models/load", {}, "model_id"),
        ("/v1/models/load", {"model_id": None}, "model_id"),
        ("/v1/models/load", {"model_id": "../a"}, "model_id"),
        ("/v1/models/load", {"model_id": "a", "timeout_seconds": 0}, "timeout_seconds"),
        ("/v1/models/load", {"model_id": "a", "timeout_seconds": 3601}, "timeout_seconds"),
        ("/v1/loras/load", {}, "lora_path"),
        ("/v1/loras/load", {"lora_path": "../a"}, "lora_path"),
        ("/v1/loras/load", {"lora_path": "a/./b"}, "lora_path"),
        ("/v1/loras/load", {"lora_path": "a", "model_id": "b c"}, "model_id"),
        ("/v1/loras/unload", {"lora_path": "https://x.example/a"}, "lora_path"),
    ],
    ids=str,
)
def test_what_is_invalid_is_refused_by_name(client, worker, path, body, named):
    status, code, sentence = refused(client.post(path, json=body, headers=OPERATOR))
    assert (status, code) == (400, "invalid_parameter")
    assert sentence.startswith((f"{named} must be ", f"{named} is required ")), sentence
    assert worker.requests == []


@pytest.mark.parametrize("path", LOADS)
def test_a_refusal_of_the_worker_names_what_the_client_sent(client, worker, path):
    said = {"success": False, "error": "model must be one of sd-2-1.", "code": "invalid_parameter"}
    worker.say(400, said)
    sent = BODIES.get(path, {"lora_path": "a"})
    answer = client.post(path, json=sent, headers=OPERATOR)
    assert refused(answer) == (400, "invalid_parameter", "model_id must be one of sd-2-1.")


@pytest.mark.parametrize("path", LOADS)
def test_our_own_name_of_a_model_is_told_theirs(client, path):
    status, _, sentence = refused(client.post(path, json={"model": "a"}, headers=OPERATOR))
    assert (status, sentence) == (400, '"model" is not a parameter here; model_id is its name here.')


@pytest.mark.parametrize("path", [*LOADS, "/v1/loras/list", "/v1/loras/none"])
def test_errors_have_the_common_shape(client, path):
    answer = client.delete(path)
    assert {"success", "error", "code", "request_id"} <= set(answer.json)
    assert answer.status_code in (404, 405)
