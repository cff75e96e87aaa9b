"""What a flood of one kind of requests pushes out of the cache: nothing of another kind."""

import json
import re
import threading

from image_api.generation import progress_stream
from tests.api.conftest import NAME, RESULT, text_of_stream
from tests.fakes.processes import wait_until
from tests.fakes.redis_server import RedisServer

SEEDED = "/generate?prompt=a+tree&seed=7"
EVENTS = {"Accept": "text/event-stream"}
BUSY = {"success": False, "error": "Busy.", "code": "worker_busy", "retry_after": 15}
WRONG = {"success": False, "error": "model must be known.", "code": "invalid_parameter"}
ANOTHER = "/images/" + "b" * 64 + ".png"
FLOOD = 4200  # more than all kinds together held before


def is_made_again(client, worker) -> bool:
    """Whether the recipe of the first picture is still known."""
    worker.say(200, {**RESULT, "image_url": ANOTHER})
    worker.say_to(f"/images/{NAME}", 404, b"{}")
    answer = client.get(f"/images/{NAME}")
    return answer.status_code == 302 and answer.headers["Location"].endswith(ANOTHER)


def test_refused_streams_push_out_nothing(client_with, worker, monkeypatch):
    monkeypatch.setattr(progress_stream, "FIRST_SECONDS", 60)  # on a slow machine too a refusal is a plain response
    client = client_with(worker_wake_seconds=0)
    client.get(SEEDED)
    refusals = [(503, BUSY, {}), (400, WRONG, {}), (502, b"<html>", {"X_Service": "edge"})]
    for status, refusal, headers in refusals:
        worker.say(status, refusal, **headers)
        for number in range(FLOOD // len(refusals)):
            answer = client.get(f"/generate?prompt=a&seed={number + 8}", headers=EVENTS)
            assert answer.status_code == (400 if status == 400 else 503)
    assert client.get(SEEDED).headers["X-Cache"] == "HIT"
    assert is_made_again(client, worker)


def test_recipes_outlive_a_flood_of_pictures(client, worker):
    client.get(SEEDED)
    for number in range(FLOOD):
        name = f"/images/{number:064x}.png"
        worker.say(200, {**RESULT, "image_url": name, "seed": number + 8})
        query = f"prompt={'a' * 500}&seed={number + 8}"
        assert client.get(f"/generate?{query}", headers=EVENTS if number % 2 else {}).data
    assert is_made_again(client, worker)


def test_a_stream_that_failed_after_it_had_begun_can_be_resumed(client, worker):
    lines = [
        {"event": "progress", "phase": "generating", "message": "Making."},
        {"event": "error", "status": 502, "error": {"success": False, "error": "Broken.", "code": "picture_broken"}},
    ]
    progress, last = (json.dumps(line).encode() + b"\n" for line in lines)
    heard = threading.Event()
    worker.say(200, (progress, lambda: heard.wait(20), last), Content_Type="application/x-ndjson")
    first = text_of_stream(client.get("/generate?prompt=a", headers=EVENTS), heard, "progress")
    mark = re.search(r"^id: (.*):1$", first, re.MULTILINE)[1] + ":0"
    again = client.get("/generate?prompt=a", headers={**EVENTS, "Last-Event-ID": mark})
    assert (again.status_code, again.json["code"]) == (502, "picture_broken")


def test_what_is_refused_is_not_in_redis(client_with, worker):
    with RedisServer() as server:
        client = client_with(redis_url=server.url)
        worker.say(503, BUSY)
        for number in range(20):
            client.get(f"/generate?prompt=a{number}", headers=EVENTS)
        wait_until(lambda: server.client.keys("*") == [], "the leases' end")
        worker.say(200, RESULT)
        client.get("/generate?prompt=a", headers=EVENTS)
        wait_until(lambda: len(server.client.keys("img_outcome:*")) == 1, "the lease's end")
