"""How clients share the memory for the images that they send."""

import json
import time
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

import pytest
import requests

from image_api.errors import ServiceBusy
from image_api.sent_images import DROPPED, ImageMemory, SentImage
from image_api.services import services_of
from render_worker.contract import NDJSON
from tests.api.conftest import RESULT
from tests.api.pictures import PNG
from tests.fakes.processes import wait_until

LARGE, ORDINARY = 15_000, 6_000
RESULT_LINE = json.dumps({"event": "result", "result": RESULT}).encode() + b"\n"


@pytest.fixture
def application(client_with, monkeypatch):
    """The application of `base`, which has little memory and believes what X-Forwarded-For says."""
    monkeypatch.setattr("image_api.services.ImageMemory", partial(ImageMemory, 64_000))
    return client_with(worker_wake_seconds=0, trusted_proxies="127.0.0.1").application


def send(base: str, client: str, size: int, **fields: str) -> requests.Response:
    image = PNG + bytes(size - len(PNG))
    headers = {"X-Forwarded-For": client}
    data = {"prompt": "a tree", **fields}
    return requests.post(base + "/generate", files={"image": ("a", image)}, data=data, headers=headers, timeout=20)


@pytest.mark.parametrize(
    ("phase", "answered"), [("generating", [200] * 4), ("queued", [200, 200, 200, 503])], ids=["begun", "not begun"]
)
def test_a_client_that_holds_all_gives_way_to_another(base, worker, application, phase, answered):
    progress = json.dumps({"event": "progress", "phase": phase, "message": "At it."}).encode() + b"\n"
    worker.say(200, (progress, 1.5, RESULT_LINE), Content_Type=NDJSON)
    with ThreadPoolExecutor(4) as pool:
        greedy = [pool.submit(send, base, "9.9.9.9", LARGE) for _ in range(4)]
        wait_until(lambda: len(worker.asked_to_make()) == 4, "the images are sent", 5)
        time.sleep(0.2)  # until the progress is read
        assert send(base, "9.9.9.9", ORDINARY).status_code == 503
        assert send(base, "8.8.8.8", ORDINARY).status_code == 200
        answers = [it.result() for it in greedy]
    assert sorted(it.status_code for it in answers) == answered
    assert [it.json()["error"] for it in answers if it.status_code == 503] == [DROPPED] * answered.count(503)
    memory = services_of(application).image_memory
    wait_until(lambda: memory.left == 64_000, "the images are released", 5)


def test_a_flight_that_another_client_waits_for_goes_on(base, worker, application):
    progress = b'{"event":"progress","phase":"queued","message":"It waits."}\n'
    worker.say(200, (progress, 1.0, RESULT_LINE), Content_Type=NDJSON)
    with ThreadPoolExecutor(4) as pool:
        answers = []
        for number, (client, seed) in enumerate([("9.9.9.9", "7"), ("9.9.9.9", "8"), ("8.8.8.8", "8")]):
            answers.append(pool.submit(send, base, client, 20_000, seed=seed))
            left = 64_000 - 20_000 * (number + 1)
            wait_until(lambda left=left: services_of(application).image_memory.left == left, "it is held", 5)
        time.sleep(0.2)  # until the last has joined
        assert send(base, "7.7.7.7", 10_000).status_code == 200
        assert [it.result().status_code for it in answers] == [200] * 3
    assert sorted(it["seed"] for it in worker.asked_to_make()) == [-1, 7, 8]


def test_what_gives_way_is_the_newest_above_half():
    memory = ImageMemory(100)
    rooms = [memory.take(size, client) for client, size in (("a", 20), ("a", 20), ("b", 30), ("a", 20))]
    with pytest.raises(ServiceBusy):
        memory.take(25, "b")  # of which it would have more than half itself
    with pytest.raises(ServiceBusy):
        memory.take(40, "c")  # beside the others' halves there is not so much
    assert not any(it.evicted for it in rooms)
    memory.take(30, "c")
    assert [it.evicted for it in rooms] == [False, False, False, True]
    assert memory.left == 0
    memory.give_back(rooms[3])
    assert memory.left == 0


def test_the_images_of_clients_that_left_give_way_first():
    memory, left = ImageMemory(100), set()
    rooms = [memory.take(25, client, lambda client=client: client in left) for client in "abcd"]
    with pytest.raises(ServiceBusy):
        memory.take(30, "e")
    left |= {"b", "d"}
    memory.take(30, "a")
    assert [it.evicted for it in rooms] == [False, True, False, True]
    assert memory.left == 20


def test_an_image_whose_room_was_lost_is_sent_by_none_and_said_to_its_flights():
    memory, done, said = ImageMemory(1000), Future(), []
    early, late = (memory.take(500, "a", lambda: True) for _ in range(2))
    image = SentImage(PNG, early, memory)
    image.hold_until(done, said.append)
    assert memory.take(1000, "b")
    assert [str(it) for it in said] == [DROPPED]
    for dropped in (image, SentImage(PNG, late, memory)):  # the second was read after that
        with pytest.raises(ServiceBusy):
            list(dropped.pieces())
    done.set_result(None)
    image.release()
    assert memory.left == 0
