"""What becomes of images that clients sent: shared, held as long as they are needed, sent again, and not made again."""

import base64
import hashlib
import io
import threading
import time
from concurrent.futures import Future

import pytest
import requests
from flask import Response

from image_api.errors import ServiceBusy
from image_api.sent_images import MAX_BYTES, ImageMemory, SentImage
from image_api.services import services_of
from image_api.web.sent_options import response_with
from render_worker.contract import NDJSON
from tests.api.conftest import NAME, RESULT
from tests.api.edits import post, refused
from tests.api.pictures import JPEG, PNG
from tests.api.test_dispatch import HEALTH
from tests.fakes.processes import wait_until

DIGEST = hashlib.sha256(PNG).hexdigest()
LOST, NEW = f"/images/{NAME}", "/images/" + "b" * 64 + ".png"


def test_identical_images_share_a_result_and_others_do_not(base, worker, memory):
    first, again = post(base, seed="7"), post(base, seed="7")
    other, stronger = post(base, JPEG, seed="7"), post(base, seed="7", strength="0.9")
    found = [it.headers["X-Cache"] for it in (first, again, other, stronger)]
    assert found == ["MISS", "HIT", "MISS", "MISS"]
    assert len(worker.sent_images()) == 3


def test_identical_requests_in_flight_are_one(base, worker, memory):
    worker.say(200, RESULT, before=lambda: time.sleep(0.5))
    answers: list[requests.Response] = []
    threads = [threading.Thread(target=lambda: answers.append(post(base, seed="7"))) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(it.headers["X-Cache"] for it in answers) == ["JOINED"] * 4 + ["MISS"]
    assert worker.sent_images() == [PNG]


def test_n_pictures_begin_with_one_image(base, worker, memory):
    answer = post(base, n="3", seed="7")
    assert len(answer.json()["images"]) == 3
    assert worker.sent_images() == [PNG] * 3
    assert sorted(it["seed"] for it in worker.asked_to_make()) == [7, 8, 9]


@pytest.mark.parametrize("fields", [{}, {"n": "2"}], ids=str)
def test_an_event_stream_begins_with_one(base, worker, memory, fields):
    answer = requests.post(
        base + "/generate",
        files={"image": ("a", PNG)},
        data={"prompt": "a", **fields},
        headers={"Accept": "text/event-stream"},
        timeout=9,
    )
    assert "event: result" in answer.text
    assert set(worker.sent_images()) == {PNG}


def test_beyond_the_memory_for_images_the_service_is_busy(base, worker, application, memory):
    room = memory.take(MAX_BYTES - len(PNG))
    assert post(base).status_code == 200
    wait_until(lambda: memory.left == len(PNG), "the image is released", 5)
    status, code, sentence = refused(post(base, JPEG + bytes(1000)))
    assert (status, code) == (503, "service_busy")
    assert "send this one again later, or a smaller one" in sentence
    memory.give_back(room)


def test_what_fails_releases_its_image(base, worker, memory):
    worker.say(502, {"success": False, "error": "It failed.", "code": "engine_failed"})
    assert post(base).status_code == 502
    assert post(base, n="2").status_code == 502
    assert post(base, path="/v1/images/edits").status_code == 502


def test_a_client_that_hangs_up_leaves_the_flight_its_image(base, worker, memory):
    late = threading.Event()
    worker.say(200, RESULT, before=lambda: late.wait(5))
    with pytest.raises(requests.ReadTimeout):
        requests.post(base + "/generate", files={"image": ("a", PNG)}, data={"prompt": "a"}, timeout=0.3)
    assert memory.left == MAX_BYTES - len(PNG)
    late.set()


def test_a_retry_sends_the_image_again(client_with, worker):
    line = b'{"event":"progress","phase":"generating","message":"At it."}\n'

    def recover() -> None:
        worker.say(200, {**RESULT, **HEALTH, "models": []})  # of every path, the probe too

    worker.say(200, (line,), recover, Content_Type=NDJSON)  # breaks off
    client = client_with(worker_wake_seconds=20)
    answer = client.post("/generate", data={"prompt": "a", "image": (io.BytesIO(PNG), "a")})
    assert answer.status_code == 200
    assert worker.sent_images() == [PNG, PNG]
    first, second = worker.asked_to_make()
    assert first["request_id"] == second["request_id"]


@pytest.mark.parametrize(
    ("status", "code", "sentence"),
    [
        (400, "invalid_parameter", "The body is a multipart form. It must be a JSON object in UTF-8, like {}."),
        (413, "too_large", "The body is larger than 64 KiB."),
    ],
)
def test_an_older_worker_is_told_apart(base, worker, memory, status, code, sentence):
    worker.say(status, {"success": False, "error": sentence, "code": code})
    said = refused(post(base))
    assert said[:2] == (400, "invalid_parameter")
    assert "image cannot be honoured by the render worker, which is of an older version" in said[2]
    assert len(worker.requests) == 1


def test_a_lost_picture_of_an_image_is_not_made_again_but_by_its_request(base, worker, memory):
    post(base, seed="7")
    worker.say_to(LOST, 404, b"{}")
    worker.say_to("/recipes", 404, b"{}")
    assert requests.head(base + LOST, timeout=9).status_code == 404
    gone = requests.get(base + LOST, timeout=9)
    assert (gone.status_code, gone.json()["code"]) == (404, "not_found")
    assert len(worker.asked_to_make()) == 1
    worker.say_to("/generate", 200, {**RESULT, "image_url": NEW})
    again = post(base, seed="7")
    assert (again.headers["X-Cache"], again.json()["image_url"][-len(NEW) :]) == ("MISS", NEW)


def test_a_worker_s_recipe_with_an_image_is_not_followed(base, worker):
    recipe = {"prompt": "a tree", "seed": 7, "image": DIGEST, "strength": 0.5}
    worker.say_to(LOST, 404, b"{}")
    worker.say_to("/recipes", 200, recipe)
    assert requests.head(base + LOST, timeout=9).status_code == 404
    assert requests.get(base + LOST, timeout=9).status_code == 404
    assert worker.asked_to_make() == []


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/generate", {"response_format": "b64_json"}),
        ("/generate", {"response_format": "b64_json", "n": "1"}),
        ("/generate", {"format": "image"}),
        ("/v1/images/edits", {"response_format": "b64_json"}),
    ],
    ids=str,
)
def test_a_cached_picture_whose_file_is_lost_is_made_again_of_the_image_that_is_sent_again(
    base, worker, memory, path, fields
):
    worker.say_to("/images", 200, b"the bytes")
    assert post(base, path=path, seed="7", **fields).status_code == 200
    worker.say_to(LOST, 404, b"{}")
    worker.say_to("/generate", 200, {**RESULT, "image_url": NEW})
    again = post(base, path=path, seed="7", **fields)
    assert again.status_code == 200, again.text
    assert b"the bytes" in again.content or base64.b64encode(b"the bytes") in again.content
    assert worker.sent_images() == [PNG, PNG]
    assert [it["seed"] for it in worker.asked_to_make()] == [7, 7]


def test_in_an_event_stream_too(base, worker, memory):
    worker.say_to("/images", 200, b"the bytes")
    fields = {"prompt": "a", "seed": "7", "response_format": "b64_json"}
    for expected in ("MISS", "made again"):
        answer = requests.post(
            base + "/generate",
            files={"image": ("a", PNG)},
            data=fields,
            headers={"Accept": "text/event-stream"},
            timeout=9,
        )
        assert "event: result" in answer.text, expected
        worker.say_to(LOST, 404, b"{}")
        worker.say_to("/generate", 200, {**RESULT, "image_url": NEW})
    assert worker.sent_images() == [PNG, PNG]


def test_an_image_that_is_released_is_sent_by_none_and_counted_once():
    memory, done = ImageMemory(1000), Future()
    image = SentImage(PNG, memory.take(len(PNG)), memory)
    image.hold_until(done, pytest.fail)
    image.release()
    assert (b"".join(image.pieces()), memory.left) == (PNG, 1000 - len(PNG))
    done.set_result(None)
    assert memory.left == 1000
    image.hold_until(done, pytest.fail)  # a picture of a batch whose client has gone
    with pytest.raises(ServiceBusy):
        list(image.pieces())
    assert memory.left == 1000


def test_a_response_that_is_closed_twice_releases_its_image_once(application):
    memory = services_of(application).image_memory
    response = response_with(SentImage(PNG, memory.take(len(PNG)), memory), Response)
    response.close()
    response.close()
    assert memory.left == MAX_BYTES


def test_an_image_larger_than_workers_take_is_refused(base, memory, monkeypatch):
    monkeypatch.setattr("image_api.web.request_upload.MAX_IMAGE_BYTES", 100)
    assert refused(post(base, PNG + bytes(100)))[:2] == (413, "too_large")
