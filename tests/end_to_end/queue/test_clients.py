"""Clients of an API tier whose pictures come by a queue, of a real Celery worker: what they see is as by HTTP."""

import base64
import io
import json
import time
from concurrent.futures import ThreadPoolExecutor

import openai
import pytest
import requests
from PIL import Image

from tests.api.test_cancel import cancel, id_of, is_cancelled, stream
from tests.end_to_end.job_tiers import api_of
from tests.end_to_end.queue.conftest import database_of, made, redis_of, waiting
from tests.end_to_end.test_streams import conversation, events, open_stream, socket_to
from tests.fakes.processes import wait_until


def test_it_works(stack):
    response = stack.get(prompt="a tree", seed=7)
    body = response.json()
    assert (response.status_code, response.headers["X-Cache"], body["engine"]) == (200, "MISS", "horde")
    assert body["request_id"] == response.headers["X-Request-ID"]
    assert stack.picture(body["image_url"]).size == (768, 768)
    again = stack.get(prompt="a tree", seed=7)
    assert (again.headers["X-Cache"], again.json()["sha256"]) == ("HIT", body["sha256"])
    image = stack.get(prompt="a tree", seed=7, headers={"Accept": "image/png", "Sec-Fetch-Dest": "image"})
    assert image.status_code == 302
    assert made(stack) == 1


@pytest.mark.parametrize(("model", "engine"), [("horde", "horde"), ("automatic1111", "automatic1111")])
def test_a_named_model_is_that_engine_s(stack, model, engine):
    assert stack.get(prompt="a tree", model=model).json()["engine"] == engine
    assert made(stack, engine) == 1


def test_auto_falls_back_within_the_celery_worker(stack):
    stack.play(horde="html_502", painted="beforehand")
    body = stack.get(prompt="a tree").json()
    assert body["engine"] == "automatic1111"
    assert [it["engine"] for it in body["fallback_from"]] == ["horde"]


@pytest.mark.parametrize(
    ("play", "query", "status", "code"),
    [
        ({"horde": "corrupt_prompt"}, {"model": "horde"}, 422, "content_refused"),
        ({"horde": "html_502"}, {"model": "horde"}, 503, "engine_busy"),
        ({}, {"model": "nothing"}, 400, "invalid_parameter"),
        ({}, {"model": "horde", "guidance_scale": 99}, 400, "invalid_parameter"),
    ],
    ids=str,
)
def test_errors_are_those_of_the_engine(stack, play, query, status, code):
    stack.play(**play)
    response = stack.get(prompt="a tree", **query)
    assert (response.status_code, response.json()["code"]) == (status, code), response.text


def test_head_robots_and_speculation_send_no_message(stack):
    news = redis_of(stack).xlen("img_queue:news")
    for method, headers in (
        ("HEAD", {}),
        ("GET", {"User-Agent": "Twitterbot/1.0", "Accept": "text/html"}),
        ("GET", {"Sec-Purpose": "prefetch"}),
    ):
        for path in ("/generate?prompt=a", "/generate?prompt=a&model=horde", "/generate.png?prompt=a"):
            requests.request(method, stack.api.url + path, headers=headers, timeout=20)
    assert stack.get(prompt="").status_code == 400
    assert (made(stack), waiting(stack)) == (0, 0)
    assert redis_of(stack).xlen("img_queue:news") == news


def test_a_crowd_of_identical_requests_to_two_processes_costs_one_picture(stack, second):
    stack.play(delay=1, painted="beforehand")
    urls = [stack.api.url, second.url] * 20
    with ThreadPoolExecutor(40) as pool:
        answers = list(pool.map(lambda url: requests.get(f"{url}/generate?prompt=a&seed=99", timeout=60), urls))
    assert {it.status_code for it in answers} == {200}
    assert len({it.json()["image_url"].rpartition("/")[2] for it in answers}) == 1
    assert len({it.json()["request_id"] for it in answers}) == 40
    assert made(stack) == 1


def test_progress_comes_as_it_happens_and_the_picture_last(stack):
    stack.play(delay=2, painted="beforehand")
    begun, seen = time.monotonic(), []
    with open_stream(f"{stack.api.url}/generate", prompt="a tree") as response:
        seen = [(name, data, time.monotonic() - begun) for name, _, data in events(response)]
    phases = [data["phase"] for name, data, _ in seen if name == "progress"]
    order = ["starting", "queued", "generating", "downloading", "saving"]
    assert phases == sorted(phases, key=order.index)
    assert "generating" in phases
    name, data, at = seen[-1]
    assert (name, data["request_id"]) == ("result", response.headers["X-Request-ID"])
    assert at - next(at for _, data, at in seen if data.get("phase") == "generating") > 0.5


def test_a_stream_is_resumed_here_and_at_another_process(stack, second):
    stack.play(delay=2, painted="beforehand")
    with open_stream(f"{stack.api.url}/generate", prompt="a tree") as response:
        _, mark, _ = next(events(response))
    for url in (stack.api.url, second.url):
        again = open_stream(f"{url}/generate", {"Last-Event-ID": mark}, prompt="a tree")
        assert [name for name, *_ in events(again)][-1] == "result"
    assert made(stack) == 1


def test_a_websocket_tells_the_same(stack):
    stack.play(delay=1, painted="beforehand")
    socket = socket_to(stack.api)
    for count in (1, 2):  # the session goes on
        *told, last = conversation(socket, json.dumps({"prompt": f"a tree {count}", "n": count}))
        assert last["event"] == "result", last
        assert {it["event"] for it in told} <= {"progress", "picture"}
        assert any(it.get("phase") == "generating" for it in told)
    assert conversation(socket, '{"prompt": 5}')[-1]["status"] == 400
    socket.close()
    assert made(stack) == 3


def photo() -> bytes:
    file = io.BytesIO()
    Image.effect_noise((1500, 1000), 90).convert("RGB").save(file, "JPEG", quality=95)
    return file.getvalue()


def test_an_image_and_previews_come_through(stack):
    stack.play(delay=2)
    with openai.OpenAI(base_url=f"{stack.api.url}/v1", api_key="x", max_retries=0) as ai:
        *partial, last = ai.images.edit(image=("a.jpg", photo()), prompt="a hat", stream=True, partial_images=2)
    assert 1 <= len(partial) <= 2
    for event in partial:
        assert Image.open(io.BytesIO(base64.b64decode(event.b64_json))).format == "JPEG"
    assert last.type == "image_edit.completed"
    assert "img2img" in json.dumps(stack.requests_to("automatic1111"))
    client = redis_of(stack)
    wait_until(lambda: not client.keys("img_queue:*:image"), "the image is forgotten", 5)
    assert not client.keys("img_queue:*:preview")


def test_no_preview_is_kept_for_a_request_that_wants_none(stack):
    stack.play(delay=1)
    stack.get(prompt="a hat", model="automatic1111")
    with redis_of(stack) as client:
        assert not client.keys("img_queue:*:preview")


def test_openai_s_client_gets_several_pictures(stack):
    with openai.OpenAI(base_url=f"{stack.api.url}/v1", api_key="x", max_retries=0) as ai:
        answer = ai.images.generate(prompt="a boat", model="sketch", n=10, response_format="b64_json")
        assert len({it.b64_json for it in answer.data}) == 10
        streamed = list(ai.images.generate(prompt="a boat", model="sketch", n=3, stream=True))
    assert [event.type for event in streamed] == ["image_generation.completed"] * 3


def test_several_pictures_and_a_sheet(stack):
    answer = stack.get(prompt="a boat", model="sketch", n=4, seed=30)
    assert [it["seed"] for it in answer.json()["images"]] == [30, 31, 32, 33]
    sheet = stack.get("/sheet.png", prompt="a boat", model="sketch", seed=40, seeds=4)
    assert (sheet.status_code, Image.open(io.BytesIO(sheet.content)).size) == (200, (1632, 1748))


@pytest.mark.parametrize("n", [1, 3])
def test_a_cancelled_request_ends_at_the_engine_within_two_seconds(stack, n):
    stack.play(delay=60)
    with stream(stack.api.url, f"/generate?prompt=a&model=horde&n={n}") as response:
        wait_until(lambda: stack.requests_to("horde_check"), "Horde is at it")
        begun = time.monotonic()
        assert cancel(stack.api.url, id_of(response)) == (200, "cancelled")
        assert is_cancelled(response)
        assert time.monotonic() - begun < 1
        wait_until(lambda: len(stack.requests_to("horde_cancel")) >= 1, "Horde is told", 3)
        assert time.monotonic() - begun < 3
    wait_until(lambda: waiting(stack) == 0, "no message waits", 5)


def test_a_websocket_s_message_is_cancelled(stack):
    stack.play(delay=60)
    socket = socket_to(stack.api)
    socket.send(json.dumps({"prompt": "a", "model": "horde"}))
    first = json.loads(socket.receive(10))
    wait_until(lambda: stack.requests_to("horde_check"), "Horde is at it")
    assert cancel(stack.api.url, first["request_id"]) == (200, "cancelled")
    while (last := json.loads(socket.receive(10)))["event"] == "progress":
        pass
    assert (last["event"], last["status"], last["error"]["code"]) == ("error", 409, "cancelled")
    wait_until(lambda: len(stack.requests_to("horde_cancel")) == 1, "Horde is told", 3)
    socket.close()


def test_another_process_s_request_is_not_cancelled_here(stack, second):
    stack.play(delay=2, painted="beforehand")
    with stream(stack.api.url, "/generate?prompt=a") as response:
        assert cancel(second.url, id_of(response)) == (404, "not_found")
        assert [name for name, *_ in events(response)][-1] == "result"


def test_a_request_of_a_deadline_that_passes_gets_the_deadline_s_error(tiers, stack):
    stack.play(delay=60)
    with api_of(tiers, database_of(tiers), REQUEST_TIMEOUT_SECONDS=3) as front:
        begun = time.monotonic()
        answer = requests.get(f"{front.url}/generate?prompt=a&model=horde", timeout=30)
    assert (answer.status_code, answer.json()["code"]) == (504, "timeout")
    assert 2 < time.monotonic() - begun < 12
    wait_until(lambda: stack.requests_to("horde_cancel"), "the engine is told", 10)
