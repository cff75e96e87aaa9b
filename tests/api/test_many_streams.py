"""Event streams of several pictures: each as soon as it is made, then all, and what a client that comes back gets."""

import json
import threading
import time

import pytest

from image_api.services import services_of
from tests.api.conftest import NAME, RESULT, text_of_stream
from tests.fakes.busy_worker import SECONDS
from tests.fakes.processes import wait_until

EVENTS = {"Accept": "text/event-stream"}
REFUSED = {"success": False, "error": "The service refused this prompt.", "code": "content_refused"}
BAD = {"success": False, "error": "seed cannot be honoured by nothing.", "code": "invalid_parameter"}
SEEDED = "/generate?prompt=a&n=3&seed=40"


@pytest.fixture
def before(client_with):
    """Returns a client of an API tier before a worker."""
    return lambda worker, **settings: client_with(perchance_worker_url=worker.url, worker_wake_seconds=0, **settings)


def events(answer) -> list[tuple[str, str, dict]]:
    """Return the name, id and data of each event."""
    return parsed(answer.text)


def parsed(text: str) -> list[tuple[str, str, dict]]:
    parts = [part for part in text.split("\n\n") if part.startswith("event: ")]
    fields = [dict(line.split(": ", 1) for line in part.split("\n")) for part in parts]
    return [(it["event"], it["id"], json.loads(it["data"])) for it in fields]


def test_each_comes_as_soon_as_it_is_made_and_all_at_the_end(before, busy):
    worker = busy(10)
    worker.seconds = lambda asked: (43 - asked["seed"]) * 3 * SECONDS
    answer = before(worker).get(SEEDED, headers=EVENTS)
    assert answer.text.startswith("retry: 3000\n\n")
    told = [(name, data.get("index"), data["seed"]) for name, _, data in events(answer)]
    assert told == [("picture", 2, 42), ("picture", 1, 41), ("picture", 0, 40), ("result", None, 40)]
    whole = events(answer)[-1][2]
    assert [(it["index"], it["seed"]) for it in whole["images"]] == [(0, 40), (1, 41), (2, 42)]
    assert {it["image_url"] for it in whole["images"]} == {f"http://localhost/images/{NAME}"}


def test_progress_says_of_which_picture(client, worker):
    lines = [{"event": "progress", "phase": "generating", "message": "Making."}, {"event": "result", "result": RESULT}]
    progress, last = (json.dumps(line).encode() + b"\n" for line in lines)
    heard = threading.Event()
    worker.say(200, (progress, lambda: heard.wait(20), last), Content_Type="application/x-ndjson")
    text = text_of_stream(client.get("/generate?prompt=a&n=2", headers=EVENTS), heard, "progress", 2)
    assert sorted(data["index"] for name, _, data in parsed(text) if name == "progress") == [0, 1]


def test_a_failed_one_is_told_at_once_and_at_the_end(before, busy):
    worker = busy(1)
    worker.reply = lambda number: (422, REFUSED) if number == 1 else (200, RESULT)
    told = events(before(worker).get("/generate?prompt=a&n=2", headers=EVENTS))
    assert [name for name, _, _ in told] == ["picture_error", "picture", "result"]
    failure, picture, whole = (data for _, _, data in told)
    assert (failure["status"], failure["code"], failure["index"] + picture["index"]) == (422, "content_refused", 1)
    assert whole["failed"] == [failure]


def test_if_all_fail_it_ends_with_the_first_failure(before, busy):
    worker = busy(10)
    worker.seconds = lambda asked: 13 * SECONDS  # after the first heartbeat, with which the status is sent
    worker.reply = lambda _: (422, REFUSED)
    answer = before(worker).get("/generate?prompt=a&n=2", headers=EVENTS)
    told = events(answer)
    assert [name for name, _, _ in told] == ["picture_error", "picture_error", "failure"]
    assert (told[-1][2]["status"], told[-1][1].endswith(":end")) == (422, True)


def test_an_error_of_all_before_the_first_event_is_a_plain_response(client, worker):
    worker.say(400, BAD)
    answer = client.get(SEEDED, headers=EVENTS)
    assert (answer.status_code, answer.mimetype) == (400, "application/json")


def test_base64_comes_with_each_picture_and_not_again(before, busy):
    answer = before(busy(10)).get("/generate?prompt=a&n=2&response_format=b64_json", headers=EVENTS)
    assert answer.text.count("b64_json") == 2
    assert [("b64_json" in data) for name, _, data in events(answer)] == [True, True, False]


def test_a_client_that_comes_back_pays_for_nothing_twice(before, busy):
    worker = busy(10)
    client = before(worker)
    told = events(client.get(SEEDED, headers=EVENTS))
    again = client.get(SEEDED, headers={**EVENTS, "Last-Event-ID": told[0][1]})
    assert [data.get("cached") for _, _, data in events(again)] == [True] * 4
    assert len(worker.asked) == 3
    assert client.get(SEEDED, headers={**EVENTS, "Last-Event-ID": told[-1][1]}).status_code == 204


@pytest.mark.parametrize("query", ["n=2", "n=2&seed=7&cache=false", "n=1", "n=2&seed=7&within=60"])
def test_what_would_be_made_anew_is_not_begun_again(before, busy, query):
    worker = busy(10)
    client = before(worker)
    told = events(client.get(f"/generate?prompt=a&{query}", headers=EVENTS))
    made = len(worker.asked)
    lost = client.get(f"/generate?prompt=a&{query}", headers={**EVENTS, "Last-Event-ID": told[0][1]})
    assert (lost.status_code, lost.json["code"]) == (410, "stream_lost")
    ended = client.get(f"/generate?prompt=a&{query}", headers={**EVENTS, "Last-Event-ID": told[-1][1]})
    assert (ended.status_code, len(worker.asked)) == (204, made)


def test_it_counts_as_one_stream_and_releases_its_slots(client_with, worker):
    client = client_with(max_streams_per_client=1)
    worker.say(200, RESULT, before=lambda: time.sleep(1.5))
    answer = client.get("/generate?prompt=a&n=3", headers=EVENTS, buffered=False)
    refused = client.get("/generate?prompt=a&n=3", headers=EVENTS)
    assert (refused.status_code, refused.json["code"]) == (429, "too_many_streams")
    answer.close()
    wait_until(lambda: len(services_of(client.application).generation.admission) == 0, "slots that are released")
    assert client.get("/generate?prompt=a&n=1", headers=EVENTS).status_code == 200


def test_a_client_that_leaves_frees_the_stream_and_what_was_not_begun(before, busy):
    worker = busy(1)
    worker.seconds = lambda asked: 13 * SECONDS
    client = before(worker, max_streams_per_client=1)
    answer = client.get("/generate?prompt=a&n=10", headers=EVENTS, buffered=False)
    answer.close()
    wait_until(lambda: len(services_of(client.application).generation.admission) == 0, "slots that are released")
    assert worker.made <= 2
