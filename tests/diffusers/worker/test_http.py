"""A render worker with tiny models, as the API tier asks it: pictures, steps, models, LoRAs, cancellation, deadline."""

import hashlib
import io
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from PIL import Image

from render_worker.contract import NDJSON
from tests.diffusers.loras import makers
from tests.diffusers.worker.running_worker import RunningWorker
from tests.fakes.processes import wait_until

SMALL = {"prompt": "a red boat", "width": 64, "height": 64, "model": "sd1", "seed": 7, "timeout_seconds": 120}
LONG = {**SMALL, "steps": 100, "width": 256, "height": 256, "seed": 9}


@pytest.fixture(scope="module")
def log_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("logs")


@pytest.fixture(scope="module")
def server(models: Path, log_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningWorker]:
    """Run a worker whose default model is sd1, for which there is a LoRA."""
    folder = tmp_path_factory.mktemp("worker")
    makers.save_for(models, "sd1", folder / "loras/ink.safetensors")
    settings = {"DEFAULT_MODEL_ID": "sd1", "MODEL_CACHE_DIR": models, "LORA_DIR": folder / "loras", "LOG_DIR": log_dir}
    with RunningWorker(folder, **settings) as running:
        yield running


def made(server: RunningWorker, **fields: object) -> dict:
    answer = server.post("/generate", **{**SMALL, **fields})
    assert answer.status_code == 200, answer.text
    return answer.json()


def file_of(server: RunningWorker, result: dict) -> bytes:
    return requests.get(server.url + result["image_url"], timeout=60).content


def model(server: RunningWorker, name: str) -> dict:
    return next(it for it in server.get("/models")["models"] if it["name"] == name)


def in_flight(server: RunningWorker, request_id: str, fields: dict) -> tuple[threading.Thread, list[requests.Response]]:
    """Begin a request, and return as soon as its steps are being made."""
    answers: list[requests.Response] = []

    def send() -> None:
        answers.append(server.post("/generate", **{**fields, "request_id": request_id}))

    thread = threading.Thread(target=send)
    thread.start()
    wait_until(lambda: server.get("/health")["queue"]["running"], "it is being made")
    return thread, answers


def test_it_works(server):
    result = made(server, steps=3, scheduler="ddim")
    assert (result["width"], result["height"]) == (64, 64)
    assert (result["engine"], result["seed"], result["steps"], result["scheduler"]) == ("diffusers", 7, 3, "ddim")
    data = file_of(server, result)
    assert hashlib.sha256(data).hexdigest() == result["sha256"]
    texts = Image.open(io.BytesIO(data)).text
    assert {name: texts[name] for name in ("steps", "scheduler", "seed", "engine")} == {
        "steps": "3",
        "scheduler": "ddim",
        "seed": "7",
        "engine": "diffusers",
    }


@pytest.mark.parametrize(("scheduler", "taken"), [("euler", 4), ("pndm", 5), ("heun", 7)])
def test_the_stream_has_as_many_steps_as_the_scheduler_takes(server, scheduler, taken):
    fields = {**SMALL, "steps": 4, "scheduler": scheduler}
    answer = server.post("/generate", {"Accept": NDJSON}, **fields)
    lines = [json.loads(line) for line in answer.text.splitlines()]
    steps = [(it["step"], it["total"]) for it in lines if it.get("step")]
    assert {total for _, total in steps} == {taken}
    assert steps[-1] == (taken, taken)
    assert lines[-1]["result"]["steps"] == taken


def test_a_picture_of_an_image(server):
    image = Image.effect_noise((64, 64), 90).convert("RGB")
    file = io.BytesIO()
    image.save(file, "PNG")
    fields = {**SMALL, "strength": 0.5, "steps": 4, "image": hashlib.sha256(file.getvalue()).hexdigest()}
    parts = {"request": (None, json.dumps(fields)), "image": ("image", file.getvalue())}
    answer = requests.post(f"{server.url}/generate", files=parts, timeout=180)
    assert answer.status_code == 200, answer.text
    assert (answer.json()["strength"], answer.json()["width"]) == (0.5, 64)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"scheduler": "none"}, "scheduler must be one of "),
        ({"lora_path": "none.safetensors"}, "lora_path must be "),
        ({"width": 2048, "height": 2048}, "width and height cannot be honoured by sd1"),
        ({"model": "sd9"}, "model must be one of "),
    ],
)
def test_what_it_cannot_make_is_refused_by_name(server, fields, sentence):
    answer = server.post("/generate", **{**SMALL, **fields})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_parameter")
    assert answer.json()["error"].startswith(sentence)


def test_a_model_is_loaded_beside_the_others(server):
    assert model(server, "sd2")["loaded"] is False
    loaded = server.post("/models/load", model="sd2", timeout_seconds=120).json()
    assert (loaded["model"], loaded["loaded"]) == ("sd2", True)
    shown = model(server, "sd2")
    assert (shown["loaded"], shown["loading"]) == (True, False)
    assert shown["size_bytes"] == loaded["size_bytes"] > 100_000
    assert shown["memory_mib"] >= 0
    assert made(server, model="sd2", steps=2)["engine_model"] == "sd2"


def test_a_model_that_is_not_there_is_not_loaded(server):
    answer = server.post("/models/load", model="sd9")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_parameter")
    assert answer.json()["error"].startswith("model must be one of ")


def test_a_lora_changes_the_picture_and_unloaded_it_leaves_no_trace(server):
    base = made(server, steps=3)["sha256"]
    assert [it["lora_path"] for it in server.get("/loras")["loras"]] == ["ink.safetensors"]
    loaded = server.post("/loras/load", lora_path="ink.safetensors", model="sd1").json()
    assert (loaded["loaded"], loaded["model"]) == (True, "sd1")
    assert server.get("/loras")["loras"][0]["loaded"] is True
    with_it = made(server, steps=3, lora_path="ink.safetensors", lora_scale=1.5)
    assert (with_it["lora_path"], with_it["lora_scale"]) == ("ink.safetensors", 1.5)
    assert with_it["sha256"] != base
    assert server.post("/loras/unload", lora_path="ink.safetensors").json()["loaded"] is False
    assert server.get("/loras")["loras"][0]["loaded"] is False
    assert made(server, steps=3, prompt="a red boat")["sha256"] == base


def test_a_lora_of_another_layout_is_refused_with_what_it_has(server):
    for path, fields in (("/loras/load", {}), ("/generate", {**SMALL, "model": "sd2"})):
        answer = server.post(path, **{"lora_path": "ink.safetensors", "model": "sd2", **fields})
        assert answer.status_code == 400, answer.text
        assert " wants " in answer.json()["error"]


def test_a_cancelled_request_ends_and_the_next_one_is_right(server):
    before = made(server, steps=3, prompt="a boat")["sha256"]
    thread, answers = in_flight(server, "cancelled-one", LONG)
    assert requests.delete(f"{server.url}/requests/cancelled-one", timeout=20).status_code == 204
    thread.join(60)
    assert (answers[0].status_code, answers[0].json()["code"]) == (409, "cancelled")
    assert made(server, steps=3, prompt="a boat", request_id="another")["sha256"] == before


def test_the_deadline_ends_the_work(server):
    answer = server.post("/generate", **{**LONG, "seed": 11, "timeout_seconds": 1})
    assert (answer.status_code, answer.json()["code"]) == (504, "timeout")
    assert made(server, steps=2, seed=12, scheduler="euler")["steps"] == 2


def test_each_picture_has_its_line_in_the_log(server, log_dir):
    result = made(server, steps=2, seed=21, prompt="a secret boat")
    wait_until(lambda: last_line(log_dir)["seed"] == 21, "its line is written")
    line = last_line(log_dir)
    assert (line["seed"], line["model_id"], line["steps"]) == (21, "sd1", result["steps"])
    assert line.keys() >= {"latency_ms", "vram_peak_mb", "safety_filter_result"}
    assert "a secret boat" not in (log_dir / "generations.jsonl").read_text()


def last_line(log_dir: Path) -> dict:
    return json.loads((log_dir / "generations.jsonl").read_text().splitlines()[-1])
