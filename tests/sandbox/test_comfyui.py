"""ComfyUI's stand-in, by its plain API: what the engine never does, or never sees of it."""

import json
import time
import uuid

import pytest
import requests
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from render_worker.engines.comfyui.graphs import OF_TEXT
from render_worker.engines.comfyui.workflow import Workflow
from tests.fakes.at_comfyui import play
from tests.fakes.processes import sandbox, wait_until

VALUES = {
    **{"prompt": "a tree", "negative_prompt": "", "seed": 1, "width": 64, "height": 64, "steps": 4, "cfg": 7.0},
    **{"sampler": "euler", "scheduler": "normal", "denoise": 1.0, "model": "sd_xl_base_1.0.safetensors"},
}


@pytest.fixture(scope="module")
def running_site():
    with sandbox() as server:
        yield server


@pytest.fixture
def comfyui(running_site):
    requests.post(f"{running_site.url}/sandbox/reset", timeout=5).raise_for_status()
    play(running_site, delay=30)
    yield f"{running_site.url}/comfyui"
    requests.post(f"{running_site.url}/sandbox/reset", timeout=5).raise_for_status()


def submitted(comfyui, **words):
    graph = Workflow.of("it", OF_TEXT).filled(VALUES, "PreviewImage")
    body = {"prompt": graph, "client_id": "us", "prompt_id": str(uuid.uuid4()), **words}
    reply = requests.post(f"{comfyui}/prompt", json=body, timeout=5)
    reply.raise_for_status()
    return reply.json()["prompt_id"]


def queue(comfyui):
    found = requests.get(f"{comfyui}/queue", timeout=5).json()
    return [[item[1] for item in found[name]] for name in ("queue_running", "queue_pending")]


def test_one_runs_and_the_others_wait_in_order(comfyui):
    ids = [submitted(comfyui) for _ in range(3)]
    wait_until(lambda: queue(comfyui) == [ids[:1], ids[1:]], "the first to run")
    requests.post(f"{comfyui}/queue", json={"delete": [ids[1], ids[0]]}, timeout=5)  # what runs is not deleted
    assert queue(comfyui) == [ids[:1], ids[2:]]


def test_only_the_workflow_of_that_id_is_interrupted(comfyui):
    ids = [submitted(comfyui) for _ in range(2)]
    wait_until(lambda: queue(comfyui)[0] == ids[:1], "the first to run")
    requests.post(f"{comfyui}/interrupt", json={"prompt_id": ids[1]}, timeout=5)
    time.sleep(0.2)
    assert queue(comfyui)[0] == ids[:1]
    requests.post(f"{comfyui}/interrupt", json={"prompt_id": ids[0]}, timeout=5)
    wait_until(lambda: queue(comfyui) == [ids[1:], []], "the second to run")
    entry = requests.get(f"{comfyui}/history/{ids[0]}", timeout=5).json()[ids[0]]
    assert entry["status"]["status_str"] == "error"
    assert entry["status"]["messages"][-1][0] == "execution_interrupted"


def test_an_old_one_interrupts_whatever_runs_and_chooses_the_id(running_site, comfyui):
    play(running_site, delay=30, comfyui="old_server")
    own = str(uuid.uuid4())
    chosen = submitted(comfyui, prompt_id=own)
    assert chosen != own
    wait_until(lambda: queue(comfyui)[0] == [chosen], "it to run")
    requests.post(f"{comfyui}/interrupt", json={"prompt_id": own}, timeout=5)
    wait_until(lambda: queue(comfyui) == [[], []], "its end")


def test_another_page_is_refused(comfyui):
    headers = {"Origin": "https://elsewhere.example"}
    assert requests.get(f"{comfyui}/queue", headers=headers, timeout=5).status_code == 403
    with pytest.raises(InvalidStatus, match="403"):
        connect(f"ws{comfyui.removeprefix('http')}/ws", origin=headers["Origin"])


def test_a_refusal_names_the_node_and_what_exists(comfyui):
    graph = Workflow.of("it", OF_TEXT).filled({**VALUES, "model": "gone", "width": 8}, "PreviewImage")
    refused = requests.post(f"{comfyui}/prompt", json={"prompt": graph}, timeout=5)
    assert (refused.status_code, refused.json()["error"]["type"]) == (400, "prompt_outputs_failed_validation")
    errors = {node: found["errors"][0]["type"] for node, found in refused.json()["node_errors"].items()}
    assert errors == {"checkpoint": "value_not_in_list", "latent": "value_smaller_than_min"}


def test_a_client_that_comes_back_is_told_which_node_runs(comfyui):
    submitted(comfyui)
    wait_until(lambda: queue(comfyui)[0], "it to run")
    with connect(f"ws{comfyui.removeprefix('http')}/ws?clientId=us") as socket:
        assert [json.loads(socket.recv())["type"] for _ in range(2)] == ["status", "executing"]
