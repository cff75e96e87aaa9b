"""`n` on /generate: pictures side by side beside the first one's fields, and what becomes of each."""

import base64
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from image_api.services import services_of
from tests.api.conftest import NAME, PICTURE, RESULT
from tests.fakes.busy_worker import BUSY, SECONDS
from tests.fakes.processes import wait_until

REFUSED = {"success": False, "error": "The service refused this prompt.", "code": "content_refused"}
PREFETCH = {"Sec-Purpose": "prefetch"}
SLACK = {"User-Agent": "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)"}
OTHER = {"REMOTE_ADDR": "192.0.2.9"}


@pytest.fixture
def before(client_with):
    """Returns a client of an API tier before a worker."""
    return lambda worker, **settings: client_with(perchance_worker_url=worker.url, worker_wake_seconds=0, **settings)


def made(answer) -> list[tuple[int, int]]:
    return [(it["index"], it["seed"]) for it in answer.json["images"]]


def test_it_works(before, busy):
    answer = before(busy(10)).get("/generate?prompt=a&n=3&seed=40")
    assert answer.status_code == 200
    assert made(answer) == [(0, 40), (1, 41), (2, 42)]
    first = {name: value for name, value in answer.json["images"][0].items() if name not in ("index", "request_id")}
    assert {name: answer.json[name] for name in first} == first
    assert "failed" not in answer.json
    assert answer.json["request_id"] == answer.headers["X-Request-ID"]
    assert {it["image_url"] for it in answer.json["images"]} == {f"http://localhost/images/{NAME}"}


@pytest.mark.parametrize("n", [None, 1])
def test_images_is_there_if_n_is_given(client, n):
    answer = client.post("/generate", json={"prompt": "a", "n": n})
    assert (len(answer.json.get("images", [])), answer.json["seed"]) == (n or 0, 7)


@pytest.mark.parametrize("text", ["0", "11", "2.5", "many", "-1", "true"])
def test_another_number_is_refused_by_name(client, worker, text):
    answer = client.get(f"/generate?prompt=a&n={text}")
    assert (answer.status_code, answer.json["error"]) == (400, "n must be an integer from 1 to 10, or left out.")
    assert worker.requests == []


@pytest.mark.parametrize(("seed", "status"), [(2**31 - 3, 200), (2**31 - 2, 400), (2**31 - 1, 400)])
def test_seeds_count_up_to_the_largest(before, busy, seed, status):
    answer = before(busy(10)).get(f"/generate?prompt=a&n=3&seed={seed}")
    assert answer.status_code == status
    assert status == 200 or answer.json["error"].startswith("seed must be 2147483645 at most with n=3:")


def test_random_ones_are_made_each_for_itself(client, worker):
    together = threading.Barrier(10)
    worker.say(200, RESULT, before=lambda: together.wait(30))
    assert len(client.get("/generate?prompt=a&n=10").json["images"]) == 10
    asked = worker.asked_to_make()
    assert len({it["request_id"] for it in asked}) == 10
    assert {it["seed"] for it in asked} == {-1}
    assert not any("n" in it for it in asked)


@pytest.mark.parametrize("failing", [[0], [1, 3], [0, 1, 2, 3]])
def test_one_failure_does_not_lose_the_others(before, busy, failing):
    worker = busy(10)
    answer_by_seed = {40 + index: (422, REFUSED) if index in failing else (200, RESULT) for index in range(5)}
    worker.answer = lambda asked: (lambda reply: (reply[0], {**reply[1], "seed": asked["seed"]}))(
        answer_by_seed[asked["seed"]]
    )
    answer = before(worker).get("/generate?prompt=a&n=5&seed=40")
    assert answer.status_code == 200
    assert made(answer) == [(index, 40 + index) for index in range(5) if index not in failing]
    assert answer.json["seed"] == answer.json["images"][0]["seed"]
    told = [(it["index"], it["status"], it["code"], it["error"], it["success"]) for it in answer.json["failed"]]
    assert told == [(index, 422, "content_refused", REFUSED["error"], False) for index in failing]
    assert answer.headers["X-Cache"] == "MISS"


def test_if_all_fail_the_first_error_is_the_answer(before, busy):
    worker = busy(1)
    worker.reply = lambda number: (422, REFUSED) if number == 1 else (502, {**BUSY, "code": "engine_failed"})
    answer = before(worker).get("/generate?prompt=a&n=3")
    assert (answer.status_code, answer.json["code"], worker.made) == (422, "content_refused", 3)


def test_a_model_that_is_not_known_is_the_error_of_one_picture(client, worker):
    body = {"success": False, "error": "model must be one of auto, sketch.", "code": "invalid_parameter"}
    worker.say(400, body)
    answer = client.get("/generate?prompt=a&n=2&model=nothing")
    assert (answer.status_code, answer.json["code"]) == (400, "invalid_parameter")


@pytest.mark.parametrize("slots", [1, 3])
def test_what_has_no_slot_is_made_afterwards(before, busy, slots):
    worker = busy(slots)
    answer = before(worker).get("/generate?prompt=a&n=7")
    assert (len(answer.json["images"]), worker.most) == (7, slots)


def test_the_cache_has_them_one_by_one(before, busy):
    worker = busy(10)
    client = before(worker)
    client.get("/generate?prompt=a&seed=41")
    first = client.get("/generate?prompt=a&seed=40&n=3")
    again = client.get("/generate?prompt=a&seed=40&n=3")
    assert [it["cached"] for it in first.json["images"]] == [False, True, False]
    assert (first.headers["X-Cache"], again.headers["X-Cache"], len(worker.asked)) == ("MISS", "HIT", 3)
    assert client.get("/generate?prompt=a&seed=42").headers["X-Cache"] == "HIT"
    assert client.get("/generate?prompt=a&seed=40&n=3&cache=false").headers["X-Cache"] == "MISS"


def test_base64_is_in_each_and_once(before, busy):
    answer = before(busy(10)).get("/generate?prompt=a&n=3&response_format=b64_json")
    assert [base64.b64decode(it["b64_json"]) for it in answer.json["images"]] == [PICTURE] * 3
    assert answer.text.count("b64_json") == 3
    assert len(json.loads(answer.data)["images"]) == 3


def test_bytes_that_cannot_be_read_fail_alone(before, busy):
    worker = busy(1)
    elsewhere = {**RESULT, "image_url": "http://10.0.0.1/x.png"}
    worker.reply = lambda number: (200, elsewhere if number == 1 else RESULT)
    answer = before(worker).get("/generate?prompt=a&n=2&response_format=b64_json")
    assert (len(answer.json["images"]), answer.json["failed"][0]["code"]) == (1, "picture_unavailable")


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/generate.png?prompt=a&n=2", {}),
        ("/generate?prompt=a&n=2&format=image", {}),
        ("/generate?prompt=a&n=2&format=redirect", {}),
        ("/generate?prompt=a&n=2", {"Accept": "image/avif,image/webp,*/*;q=0.8"}),
        ("/generate?prompt=a&n=2", {"Sec-Fetch-Dest": "image", "Accept": "*/*"}),
    ],
)
def test_several_are_refused_where_one_picture_is_the_answer(client, worker, path, headers):
    answer = client.get(path, headers=headers)
    assert (answer.status_code, answer.json["error"].split(",")[0]) == (400, "n must be 1")
    assert "/sheet.png" in answer.json["error"]
    one = client.get(path.replace("n=2", "n=1"), headers=headers)
    assert one.status_code in (200, 302)
    assert len(worker.asked_to_make()) == 1


@pytest.mark.parametrize("path", ["/generate?prompt=a&n=4", "/generate?prompt=a&n=4&seed=7"])
def test_speculation_spends_nothing(client, worker, path):
    assert client.get(path, headers=PREFETCH).json["code"] == "speculative_request"
    assert client.get(path, headers=SLACK).mimetype == "text/html"
    head = client.head(path)
    assert (head.status_code, head.mimetype, "Content-Length" in head.headers) == (200, "application/json", False)
    assert worker.requests == []


def test_head_of_an_invalid_request_is_the_get_s(client, worker):
    assert client.head("/generate?prompt=a&n=4&seed=2147483647").status_code == 400
    assert client.head("/generate?prompt=a&n=4&within=5&model=sketch").status_code == 400
    assert worker.requests == []


def test_ten_of_one_client_leave_others_their_share(before, busy):
    worker = busy(20)
    worker.seconds = lambda asked: 5 * SECONDS
    client = before(worker, max_generations=4)
    with ThreadPoolExecutor(4) as pool:
        floods = [pool.submit(client.application.test_client().get, "/generate?prompt=a&n=10") for _ in range(3)]
        wait_until(lambda: worker.running == 4, "four pictures in flight")
        begun = time.monotonic()
        others = [client.application.test_client().get("/generate?prompt=b", environ_base=OTHER) for _ in range(2)]
        assert [it.status_code for it in others] == [200, 200]
        assert time.monotonic() - begun < 30 * SECONDS
        assert {it.result().status_code for it in floods} <= {200, 503}
    wait_until(lambda: len(services_of(client.application).generation.admission) == 0, "slots that are released")
    assert worker.most <= 5  # an evicted one that has begun goes on
