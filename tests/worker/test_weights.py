"""The worker's views of weights: POST /models/load, GET /loras, POST /loras/load and /loras/unload."""

import pytest

from render_worker import KEY
from render_worker.errors import EngineNotConfigured
from render_worker.routes import weights
from tests.fakes.keeping_engine import KeepingEngine, put_in_place

TOKEN = "a-token"
OPERATOR = {"Authorization": f"Bearer {TOKEN}"}
VIEWS = [
    ("POST", "/models/load", {"model": "sd-1-5"}),
    ("GET", "/loras", None),
    ("POST", "/loras/load", {"lora_path": "ink.safetensors"}),
    ("POST", "/loras/unload", {"lora_path": "ink.safetensors"}),
]
EACH_VIEW = pytest.mark.parametrize(("method", "path", "body"), VIEWS, ids=[path for _, path, _ in VIEWS])


@pytest.fixture
def keeper(client_with, monkeypatch):
    put_in_place(monkeypatch)
    return client_with(engines=("diffusers",))


def engine_of(client) -> KeepingEngine:
    return client.application.extensions[KEY].selector.engines["diffusers"]


def model(client, name, **headers):
    return next(it for it in client.get("/models", headers=headers).json["models"] if it["name"] == name)


def test_a_model_is_loaded_and_the_list_shows_it_at_once(keeper):
    assert model(keeper, "sd-1-5")["loaded"] is False
    loaded = keeper.post("/models/load", json={"model": "sd-1-5"}).json
    assert (loaded["success"], loaded["model"], loaded["loaded"], loaded["unloaded"]) == (True, "sd-1-5", True, [])
    shown = model(keeper, "sd-1-5")
    assert (shown["loaded"], shown["loading"], shown["size_bytes"]) == (True, False, 4_000_000_000)
    assert keeper.post("/models/load", json={"model": "sd-xl-base"}).json["unloaded"] == ["sd-1-5"]
    assert [model(keeper, name)["loaded"] for name in ("sd-1-5", "sd-xl-base")] == [False, True]


def test_a_load_that_outlasts_its_timeout_goes_on(keeper):
    engine_of(keeper).load_seconds = 60
    answer = keeper.post("/models/load", json={"model": "sd-1-5", "timeout_seconds": 0.05})
    assert (answer.status_code, answer.json["loaded"]) == (200, False)
    assert model(keeper, "sd-1-5")["loading"] is True


def test_an_engine_that_keeps_to_no_timeout_is_not_waited_for(keeper, monkeypatch):
    monkeypatch.setattr(weights, "GRACE_SECONDS", 0.05)
    monkeypatch.setattr(KeepingEngine, "load_model", lambda self, _: self._loaded("sd-1-5"))
    engine_of(keeper).load_seconds = 60
    answer = keeper.post("/models/load", json={"model": "sd-1-5", "timeout_seconds": 0.05})
    assert (answer.status_code, answer.json["code"]) == (504, "timeout")
    assert "engine" in answer.json["error"]
    assert "picture" not in answer.json["error"]


def test_loras_are_listed_loaded_and_unloaded(keeper):
    listed = {it["lora_path"]: it for it in keeper.get("/loras").json["loras"]}
    assert listed["ink.safetensors"] == {
        "lora_path": "ink.safetensors",
        "size_bytes": 1000,
        "loaded": False,
        "fits": ["sd-xl-base"],
    }
    assert listed["deep/pixel.safetensors"]["problem"]
    loaded = keeper.post("/loras/load", json={"lora_path": "ink.safetensors"}).json
    assert loaded == {"success": True, "lora_path": "ink.safetensors", "loaded": True, "model": "sd-xl-base"}
    assert keeper.get("/loras").json["loras"][0]["loaded"] is True
    assert keeper.post("/loras/unload", json={"lora_path": "ink.safetensors"}).json["loaded"] is False
    assert keeper.get("/loras").json["loras"][0]["loaded"] is False


@pytest.mark.parametrize(
    ("path", "body", "sentence"),
    [
        ("/models/load", {}, "model"),
        ("/models/load", {"model": "../etc"}, "model must be the name of a model"),
        ("/models/load", {"model": "sd-9"}, "model must be one of sd-xl-base, sd-1-5."),
        ("/models/load", {"model": "sd-1-5", "timeout_seconds": 3601}, "timeout_seconds must be a number of seconds"),
        ("/models/load", {"model": "sd-1-5", "timeout_seconds": 0}, "timeout_seconds must be a number of seconds"),
        ("/models/load", {"model": "sd-1-5", "device": "cuda"}, "device"),
        ("/loras/load", {"lora_path": "a/../../b"}, "lora_path must be the name of a LoRA"),
        ("/loras/load", {"lora_path": "none.safetensors"}, "lora_path must be one of"),
        ("/loras/load", {"lora_path": "deep/pixel.safetensors"}, "wants 64 there, the LoRA has 32"),
        ("/loras/unload", {"lora_path": "none.safetensors"}, "lora_path must be one of"),
        ("/loras/unload", {"lora_path": ["a"]}, "lora_path must be the name of a LoRA"),
    ],
)
def test_what_cannot_be_loaded_is_refused_by_name(keeper, path, body, sentence):
    answer = keeper.post(path, json=body)
    assert (answer.status_code, answer.json["code"]) == (400, "invalid_parameter")
    assert sentence in answer.json["error"]


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'"x"', b'{"model": "sd-1-5", "model": "sd-xl-base"}'])
def test_a_body_that_is_no_object_is_refused(keeper, body):
    assert keeper.post("/models/load", data=body).status_code == 400


@EACH_VIEW
def test_without_such_an_engine_it_is_not_configured(client, method, path, body):
    answer = client.open(path, method=method, json=body)
    assert (answer.status_code, answer.json["code"]) == (503, "engine_not_configured")
    assert "diffusers" in answer.json["hint"]


@EACH_VIEW
def test_an_engine_that_lacks_something_says_what(keeper, monkeypatch, method, path, body):
    def check(self):
        raise EngineNotConfigured("engine diffusers needs torch.")

    monkeypatch.setattr(KeepingEngine, "check", check)
    answer = keeper.open(path, method=method, json=body)
    assert (answer.json["code"], answer.json["error"]) == ("engine_not_configured", "engine diffusers needs torch.")


@EACH_VIEW
@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}], ids=["no token", "a wrong one"])
def test_only_the_operator_may_load(client_with, monkeypatch, method, path, body, headers):
    put_in_place(monkeypatch)
    client = client_with(engines=("diffusers",), worker_token=TOKEN)
    assert client.open(path, method=method, json=body, headers=headers).status_code == 401
    assert client.open(path, method=method, json=body, headers=OPERATOR).status_code == 200


@EACH_VIEW
def test_a_worker_that_is_open_to_all_loads_nothing(client_with, monkeypatch, method, path, body):
    put_in_place(monkeypatch)
    client = client_with(engines=("diffusers",), hosts=("0.0.0.0",))
    assert client.open(path, method=method, json=body).json["code"] == "unauthorized"


@pytest.mark.parametrize(
    ("hosts", "shown"), [(("127.0.0.1",), True), (("0.0.0.0",), False)], ids=["operator", "stranger"]
)
def test_the_memory_of_a_model_is_the_operator_s_to_see(client_with, monkeypatch, hosts, shown):
    put_in_place(monkeypatch)
    client = client_with(engines=("diffusers",), hosts=hosts)
    engine_of(client).loaded = ["sd-1-5"]
    known = model(client, "sd-1-5")
    assert ("memory_mib" in known) is shown
    assert (known["loaded"], known["size_bytes"]) == (True, 4_000_000_000)
