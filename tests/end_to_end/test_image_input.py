"""An image to begin with, and previews: from a client through both tiers to a server that speaks A1111's API."""

import base64
import io
import json
from collections.abc import Iterator

import openai
import pytest
import requests
from PIL import Image
from websockets.sync.client import connect

from tests.end_to_end.conftest import OPERATOR, TOKEN
from tests.end_to_end.rendering import DISPATCHES, rendering
from tests.fakes.celery_worker import CeleryWorker
from tests.fakes.processes import Sandbox, Server, api, sandbox

MIB = 1024 * 1024


def photo(size: tuple[int, int] = (300, 200), turned: bool = False) -> bytes:
    """Return what a phone sends, with where it was taken."""
    file, exif = io.BytesIO(), Image.Exif()
    exif[0x0112], exif[0x010F] = 6 if turned else 1, "the camera"
    exif.get_ifd(0x8825).update({1: "N", 2: (52.0, 31.0, 12.0)})
    Image.effect_noise(size, 90).convert("RGB").save(file, "JPEG", exif=exif, quality=95)
    return file.getvalue()


@pytest.fixture(scope="module", params=DISPATCHES)
def servers(request, tmp_path_factory) -> Iterator[tuple[Sandbox, Server | CeleryWorker, Server]]:
    folder = tmp_path_factory.mktemp("images")
    with sandbox() as site:
        pointers = {**site.pointers("automatic1111"), "AUTOMATIC1111_POLL_SECONDS": "0.2"}
        settings = {"WORKER_TOKEN": TOKEN, "ENGINES": "automatic1111", "LOCAL_STORAGE_DIR": folder, **pointers}
        with (
            rendering(request.param, **settings) as made_by,
            api(**made_by.of_api, WORKER_TOKEN=TOKEN) as front,
        ):
            yield site, made_by.queue.worker if made_by.queue else made_by.worker, front


@pytest.fixture
def site(servers) -> Iterator[Sandbox]:
    yield servers[0]
    requests.post(f"{servers[0].url}/sandbox/reset", timeout=5).raise_for_status()


@pytest.fixture
def front(servers, site) -> str:
    return servers[2].url


def play(site: Sandbox, **scenario: object) -> None:
    requests.post(f"{site.url}/sandbox", json=scenario, timeout=5).raise_for_status()


def asked(site: Sandbox) -> list[dict]:
    """Return the requests for pictures that the service got."""
    log = requests.get(f"{site.url}/sandbox/log", timeout=5).json()
    return [it for it in log if it["endpoint"] == "automatic1111"]


def test_a_form_becomes_a_picture_of_the_image_s_proportion(front, site):
    sent = {"prompt": "a boat", "strength": "0.5", "seed": "3"}
    answer = requests.post(f"{front}/generate", files={"image": ("a", photo(turned=True))}, data=sent, timeout=60)
    result = answer.json()
    assert (answer.status_code, result["engine"], result["aspect_ratio"]) == (200, "automatic1111", "2:3")
    assert result["width"] / result["height"] == pytest.approx(2 / 3, rel=0.01)
    assert "img2img" in json.dumps(asked(site))
    file = requests.get(result["image_url"], timeout=9).content
    assert b"the camera" not in file


def test_the_same_image_is_a_hit_whatever_way_it_is_sent(front):
    image = photo((60, 40))
    fields = {"prompt": "a cat", "seed": "5"}
    first = requests.post(f"{front}/generate", files={"image": ("a", image)}, data=fields, timeout=60)
    body = {**fields, "image": base64.b64encode(image).decode()}
    second = requests.post(f"{front}/generate", json=body, timeout=60)
    assert [it.headers["X-Cache"] for it in (first, second)] == ["MISS", "HIT"]


def test_openai_s_client_edits_and_sees_partial_images(front, site):
    play(site, delay=2)
    with openai.OpenAI(base_url=f"{front}/v1", api_key="x", max_retries=0) as ai:
        *partial, last = ai.images.edit(image=("a.jpg", photo()), prompt="a hat", stream=True, partial_images=2)
    assert 1 <= len(partial) <= 2
    assert {it.type for it in partial} == {"image_edit.partial_image"}
    for event in partial:
        assert Image.open(io.BytesIO(base64.b64decode(event.b64_json))).format == "JPEG"
    assert last.type == "image_edit.completed"
    assert Image.open(io.BytesIO(base64.b64decode(last.b64_json))).format == "PNG"


def test_a_websocket_takes_an_image_of_megabytes_and_shows_previews(front, site):
    play(site, delay=1)
    image = photo((2000, 1500))
    assert len(image) > 2 * MIB
    body = {"prompt": "a hat", "image": base64.b64encode(image).decode(), "previews": True}
    with connect(front.replace("http", "ws") + "/stream/generate/txt2img", max_size=None) as socket:
        for _ in range(2):  # the next may follow the result of the first
            socket.send(json.dumps(body))
            lines = [json.loads(socket.recv(30))]
            while lines[-1]["event"] == "progress":
                lines.append(json.loads(socket.recv(30)))
            assert lines[-1]["event"] == "result", lines[-1]
            assert any(line.get("preview", "").startswith("data:image/jpeg;base64,/9j/") for line in lines)


def test_a_websocket_s_long_message_without_an_image_is_too_big(front):
    with connect(front.replace("http", "ws") + "/stream/generate/txt2img") as socket:
        socket.send(json.dumps({"prompt": "a" * 100_000}))
        with pytest.raises(Exception, match="1009"):
            socket.recv(10)


def test_an_image_of_sixteen_megabytes_costs_little_memory(servers, front):
    image = photo((64, 64)) + bytes(16 * MIB - 100_000)
    before = [max(it.memory_info().rss for it in server.tree()) for server in servers[1:]]
    for number in range(3):
        answer = requests.post(
            f"{front}/generate", files={"image": ("a", image)}, data={"prompt": f"a hat {number}"}, timeout=60
        )
        assert answer.status_code == 200, answer.text
    after = [max(it.memory_info().rss for it in server.tree()) for server in servers[1:]]
    assert all(late - early < 120 * MIB for early, late in zip(before, after, strict=True))


def test_what_the_worker_cannot_decode_is_the_image_s_fault(servers, front):
    broken = photo()[:2000]
    answer = requests.post(f"{front}/generate", files={"image": ("a", broken)}, data={"prompt": "a hat"}, timeout=60)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_parameter")
    assert answer.json()["error"].startswith("image must be a whole PNG, JPEG or WebP picture")
    if isinstance(servers[1], Server):
        health = requests.get(f"{servers[1].url}/health", headers=OPERATOR, timeout=5).json()
        assert health["engines"]["automatic1111"]["breaker"] == "closed"


def test_no_log_has_the_image(servers):
    for server in servers[1:]:
        assert "the camera" not in server.log()
        assert "/9j/" not in server.log()
