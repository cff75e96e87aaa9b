"""Lost pictures with both tiers as processes: every link heals, whatever was restarted, unless it was deleted."""

import json
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
import simple_websocket

from tests.end_to_end.conftest import TOKEN, Stack, worker_settings
from tests.fakes.processes import ROOT, api, clean_environment, sandbox, worker

SKETCH = {"prompt": "a red boat", "model": "sketch"}
ADDRESS_BAR = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


def by_websocket(stack: Stack) -> str:
    socket = simple_websocket.Client(stack.api.url.replace("http", "ws") + "/stream/generate/txt2img")
    socket.send(json.dumps(SKETCH))
    while (message := json.loads(socket.receive(20)))["event"] == "progress":
        pass
    socket.close()
    return message["result"]["image_url"]


def by_stream(stack: Stack) -> str:
    text = stack.get(headers={"Accept": "text/event-stream"}, **SKETCH).text
    return json.loads(text.partition("event: result")[2].partition("data: ")[2].partition("\n")[0])["image_url"]


def by_openai(stack: Stack) -> str:
    body = {**SKETCH, "n": 2}
    answer = requests.post(f"{stack.api.url}/v1/images/generations", json=body, timeout=30)
    return answer.json()["data"][1]["url"]


def by_styles(stack: Stack) -> str:
    answer = requests.post(f"{stack.api.url}/v1/images/generate", json={**SKETCH, "style": "anime"}, timeout=30)
    return answer.json()["image_url"]


WAYS = {
    "GET": lambda stack: stack.get(**SKETCH).json()["image_url"],
    "WebP": lambda stack: stack.get(output_format="webp", shape="portrait", **SKETCH).json()["image_url"],
    "stream": by_stream,
    "websocket": by_websocket,
    "openai": by_openai,
    "styled": by_styles,
}


def lose(folder: Path, address: str) -> bytes:
    """Remove the file of a picture, and return what it was."""
    file = folder / urlsplit(address).path.rpartition("/")[2]
    content = file.read_bytes()
    file.unlink()
    return content


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_a_lost_picture_of_a_random_seed_is_the_same_again(sketching, folder, way):
    address = way(sketching)
    lost = lose(folder, address)
    assert sketching.get(urlsplit(address).path).content == lost


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_also_by_an_api_tier_that_has_never_heard_of_it(sketching, folder, way):
    address = way(sketching)
    lost = lose(folder, address)
    with api(PERCHANCE_WORKER_URL=sketching.worker.url, WORKER_TOKEN=TOKEN) as other:
        assert requests.get(other.url + urlsplit(address).path, timeout=30).content == lost


def test_a_stranger_reads_no_recipe_from_either_tier(sketching):
    path = urlsplit(WAYS["GET"](sketching)).path.replace("images", "recipes")
    assert requests.get(sketching.worker.url + path, timeout=5).status_code == 401
    assert requests.get(sketching.api.url + path, timeout=5).status_code == 404


def test_one_that_the_operator_deleted_is_gone_for_good(sketching, folder):
    address = WAYS["GET"](sketching)
    lose(folder, address)
    environment = clean_environment(LOCAL_STORAGE_DIR=folder)
    command = [sys.executable, "-m", "render_worker.delete", address]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)
    assert (done.returncode, "local: deleted" in done.stdout) == (0, True)
    page = requests.get(address, headers=ADDRESS_BAR, timeout=10)
    assert (page.status_code, "was deleted by the operator" in page.text) == (410, True)
    with api(PERCHANCE_WORKER_URL=sketching.worker.url, WORKER_TOKEN=TOKEN) as other:
        assert requests.get(other.url + urlsplit(address).path, timeout=30).status_code == 410


def test_one_that_the_operator_deleted_by_a_request_is_gone_until_it_is_asked_for_anew(sketching, folder):
    address = sketching.get(seed=7, **SKETCH).json()["image_url"]
    operator = {"Authorization": f"Bearer {TOKEN}"}
    assert requests.delete(address, timeout=10).status_code == 401
    assert [requests.delete(address, headers=operator, timeout=10).status_code for _ in range(2)] == [204, 410]
    assert not (folder / urlsplit(address).path.rpartition("/")[2]).exists()
    assert requests.get(address, timeout=10).status_code == 410
    again = sketching.get(seed=7, **SKETCH)
    assert (again.headers["X-Cache"], again.json()["image_url"]) == ("MISS", address)  # a deletion is no ban
    assert requests.get(address, timeout=10).status_code == 200


def test_a_picture_that_imgur_removed_is_made_again_once(tmp_path):
    with (
        sandbox() as site,
        worker(
            **worker_settings(site, tmp_path, ENGINES="horde", STORAGE="imgur", IMGUR_CLIENT_ID="an-id")
        ) as renderer,
        api(PERCHANCE_WORKER_URL=renderer.url, WORKER_TOKEN=TOKEN, PICTURE_ORIGINS=site.url) as front,
    ):
        stack = Stack(site, renderer, front)
        made = stack.get(seed=7, **SKETCH).json()
        assert made["storage"] == "imgur"
        whole = stack.get("/generate.png", seed=7, **SKETCH)
        for how in ("removed", "replaced", "page"):
            stack.play(imgur_picture=how, times=1)
            assert stack.get("/generate.png", seed=7, **SKETCH).content == whole.content
            stack.play()
            assert stack.get("/generate.png", seed=7, **SKETCH).content == whole.content
        assert stack.get(seed=7, **SKETCH).json()["image_url"] != made["image_url"]
        assert len(stack.requests_to("imgur")) == 2  # the next two came within the minute
