"""AUTOMATIC1111's stand-in: one machine for all clients, which an interrupt ends and a lost connection does not."""

import base64
import contextlib
import io
import threading

import pytest
import requests
from PIL import Image

from tests.fakes.processes import sandbox, wait_until

BODY = {
    "prompt": "a tree",
    "width": 64,
    "height": 64,
    "steps": 10,
    "seed": 1,
    "cfg_scale": 7,
    "sampler_name": "Euler",
    "force_task_id": "ours",
}


@pytest.fixture(scope="module")
def running():
    with sandbox() as server:
        yield server


@pytest.fixture
def play(running):
    requests.post(f"{running.url}/sandbox/reset", timeout=5).raise_for_status()

    def scenario(**fields):
        requests.post(f"{running.url}/sandbox", json=fields, timeout=5).raise_for_status()

    return scenario


@pytest.fixture
def api(running, play):
    return f"{running.url}/automatic1111/sdapi/v1"


def progress(api):
    return requests.get(f"{api}/progress", timeout=5).json()


def picture(api, **changes):
    return requests.post(f"{api}/txt2img", json={**BODY, **changes}, timeout=20)


def pixel_below(reply):
    image = Image.open(io.BytesIO(base64.b64decode(reply.json()["images"][0])))
    return image.convert("RGB").getpixel((10, image.height - 10))


def test_a_lost_connection_ends_nothing_and_an_interrupt_leaves_half_a_picture(api, play):
    play(delay=5)
    with contextlib.suppress(requests.Timeout):
        requests.post(f"{api}/txt2img", json=BODY, timeout=0.3)
    assert progress(api)["current_task"] == "ours"
    whole = threading.Thread(target=lambda: replies.append(picture(api, force_task_id="next")))
    replies = []
    whole.start()
    assert progress(api)["current_task"] == "ours"
    assert requests.post(f"{api}/interrupt", timeout=5).json() == {}
    wait_until(lambda: progress(api)["current_task"] == "next", "the next one begins")
    assert progress(api)["state"]["interrupted"] is False
    requests.post(f"{api}/interrupt", timeout=5)
    whole.join()
    assert replies[0].status_code == 200
    assert max(abs(channel - 127) for channel in pixel_below(replies[0])) < 8
    assert progress(api)["state"] | {"job_count": 0, "interrupted": True} == progress(api)["state"]


def test_a_reset_ends_the_job_and_the_gauge_counts_it_until_then(running, api, play):
    def in_flight():
        return requests.get(f"{running.url}/sandbox/gauge", timeout=5).json()["in_flight"]

    play(delay=60)
    with contextlib.suppress(requests.Timeout):
        requests.post(f"{api}/txt2img", json=BODY, timeout=0.3)
    assert in_flight() == 1
    for _ in range(2):
        requests.post(f"{running.url}/sandbox/reset", timeout=5).raise_for_status()
    wait_until(lambda: in_flight() < 1, "the end of the job")
    assert in_flight() == 0


def test_each_server_has_its_own_paths_and_refusals(api, play):
    for flavour, status in (("a1111", 404), ("forge", 400), ("sdnext", 404), ("sdcpp", 200)):
        play(automatic1111_flavour=flavour)
        assert picture(api, sampler_name="Dreaming").status_code == status
        assert requests.get(f"{api}/progress", timeout=5).status_code == (404 if flavour == "sdcpp" else 200)
        assert len(requests.get(f"{api}/sd-models", timeout=5).json()) == (1 if flavour == "sdcpp" else 3)
    play(automatic1111_flavour="forge")
    unknown = picture(api, override_settings={"sd_model_checkpoint": "no such"})
    assert (unknown.status_code, unknown.text) == (500, "Internal Server Error")
    play(automatic1111_flavour="a1111")
    assert picture(api, override_settings={"sd_model_checkpoint": "no such"}).status_code == 200
