"""DELETE /requests/<id>: the client of a request ends it, and what is made for it alone."""

import json
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
import requests

from image_api.admission import Waiter
from image_api.errors import Cancelled, RequestOver
from image_api.generation.options import GenerationOptions
from image_api.services import services_of
from tests.api.conftest import RESULT
from tests.fakes.processes import wait_until

EVENTS = {"Accept": "text/event-stream"}
SEEDED = "/generate?prompt=a&seed=7"
STARTING = json.dumps({"event": "progress", "phase": "starting", "message": "Opening."}).encode() + b"\n"
DONE = json.dumps({"event": "result", "result": RESULT}).encode() + b"\n"
NDJSON = "application/x-ndjson"


def make_slowly(worker, release: threading.Event, last: bytes = DONE) -> None:
    worker.say(200, (STARTING, lambda: release.wait(15), last), Content_Type=NDJSON)


@pytest.fixture
def slow(worker) -> Iterator[threading.Event]:
    """Have the worker begin, and end when this is set."""
    release = threading.Event()
    make_slowly(worker, release)
    worker.say_to("/requests/", 204, b"")
    yield release
    release.set()


def told(worker) -> list[str]:
    """Return the ids of the requests that the worker was told to cancel."""
    return [path.removeprefix("/requests/") for method, path, *_ in worker.requests if method == "DELETE"]


@contextmanager
def stream(base: str, path: str = SEEDED, **headers: str) -> Iterator[requests.Response]:
    """Open a stream of events; its response has its headers, which come with the first event."""
    with requests.get(base + path, headers={**EVENTS, **headers}, stream=True, timeout=20) as response:
        yield response


def id_of(response: requests.Response) -> str:
    return response.headers["X-Request-ID"]


def cancel(base: str, request_id: str) -> tuple[int, str]:
    """Cancel a request; return the status, and what it came to or the error's code."""
    answer = requests.delete(f"{base}/requests/{request_id}", timeout=20)
    body = answer.json()
    if answer.ok:
        assert body == {"success": True, "request_id": request_id, "status": body["status"]}
    return answer.status_code, body.get("status") or body["code"]


def last_event(response: requests.Response) -> tuple[str, dict]:
    """Return the name and data of a stream's last event."""
    *_, name, data = re.findall(r"^(?:event|data): (.*)$", response.text, re.MULTILINE)
    return name, json.loads(data)


def is_cancelled(response: requests.Response) -> bool:
    name, data = last_event(response)
    assert data["request_id"] == id_of(response)
    return (name, data["status"], data["code"]) == ("failure", 409, "cancelled")


def all_over(application) -> bool:
    generation = services_of(application).generation
    return not (len(generation.cancellations) or len(generation.admission) or generation._flights._flights)


@pytest.fixture
def base(base, application) -> Iterator[str]:
    """Return the address of an API tier, of which no entry, slot or flight is left at the end."""
    yield base
    wait_until(lambda: all_over(application), "all is over", 20)


def test_it_works(base, application, worker, slow):
    with stream(base) as response:
        assert cancel(base, id_of(response)) == (200, "cancelled")
        assert is_cancelled(response)
    wait_until(lambda: told(worker) == [id_of(response)], "the worker is told", 5)
    wait_until(lambda: all_over(application), "all is over", 2)
    assert worker.asked_to_make()[0]["request_id"] == id_of(response)


def test_a_second_time_it_is_not_found(base, worker, slow):
    with stream(base) as response:
        assert [cancel(base, id_of(response))[0] for _ in range(2)] == [200, 404]
        assert is_cancelled(response)
    wait_until(lambda: len(told(worker)) == 1, "the worker is told once", 5)


def test_of_many_at_once_one_succeeds(base, worker, slow):
    with stream(base) as response, ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: cancel(base, id_of(response)), range(16)))
        assert is_cancelled(response)
    assert sorted(answers) == [(200, "cancelled"), *[(404, "not_found")] * 15]


@pytest.mark.parametrize("name", ["-", "no-such", "a" * 5000, "%00", "%F0%9F%8C%B2", "a%2Fb", "%20", "'--"])
def test_an_unknown_id_is_not_found(base, name):
    answer = requests.delete(f"{base}/requests/{name}", timeout=20)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_of_one_that_has_ended_it_is_not_found(base):
    ended = requests.get(base + SEEDED, timeout=20)
    assert cancel(base, id_of(ended)) == (404, "not_found")
    assert cancel(base, id_of(requests.get(base + SEEDED, timeout=20))) == (404, "not_found")  # from the cache


def test_the_other_of_two_gets_the_picture(base, worker, slow):
    with stream(base) as first, stream(base) as second:
        assert cancel(base, id_of(first)) == (200, "left")
        assert is_cancelled(first)
        slow.set()
        name, data = last_event(second)
    assert (name, data["request_id"]) == ("result", id_of(second))
    assert (told(worker), len(worker.asked_to_make())) == ([], 1)


def test_the_last_of_two_ends_the_work_that_the_first_began(base, worker, slow):
    with stream(base) as first, stream(base) as second:
        assert cancel(base, id_of(first)) == (200, "left")
        assert cancel(base, id_of(second)) == (200, "cancelled")
        assert is_cancelled(first)
        assert is_cancelled(second)
    wait_until(lambda: told(worker) == [id_of(first)], "the worker is told by the id it knows", 5)


def test_no_one_learns_another_s_id(base, worker, slow):
    with stream(base) as first, stream(base) as second:
        slow.set()
        joined, own = second.text, first.text
    again = requests.get(base + SEEDED, headers=EVENTS, timeout=20)  # from the cache
    lost = re.findall(r"^id: (.*):[0-9]+$", joined, re.MULTILINE)[0] + ":0"
    replay = requests.get(base + SEEDED, headers={"Last-Event-ID": lost}, timeout=20)
    for text, response in ((joined, second), (again.text, again), (replay.text, replay)):
        assert id_of(first) not in text
        assert json.loads(re.findall("^data: (.*)$", text, re.MULTILINE)[-1])["request_id"] == id_of(response)
    assert id_of(second) not in own


@pytest.mark.parametrize("query", ["prompt=a&seed=7", "prompt=a&seed=7&n=1"])
def test_no_one_learns_another_s_id_by_its_failure(base, worker, slow, query):
    error = {"success": False, "error": "Broken.", "code": "picture_broken", "request_id": "the-starter-s"}
    failed = json.dumps({"event": "error", "status": 502, "error": error}).encode() + b"\n"
    make_slowly(worker, slow, failed)
    with stream(base) as first, stream(base, f"/generate?{query}") as second:
        slow.set()
        for response in (first, second):
            name, data = last_event(response)
            assert (name, data["code"], data["request_id"]) == ("failure", "picture_broken", id_of(response))


def test_nothing_is_cached_and_the_next_one_begins_anew(base, worker, slow):
    with stream(base) as response:
        cancel(base, id_of(response))
        assert is_cancelled(response)
    worker.say(200, RESULT)
    again = requests.get(base + SEEDED, timeout=20)
    assert (again.status_code, again.headers["X-Cache"]) == (200, "MISS")
    assert len(worker.asked_to_make()) == 2


def test_a_worker_of_an_older_version_costs_nothing(base, application, worker, slow):
    worker.say_to("/requests/", 404, {"success": False, "error": "Not found.", "code": "not_found"})
    with stream(base) as response:
        assert cancel(base, id_of(response)) == (200, "cancelled")
        assert is_cancelled(response)
    assert services_of(application).worker.last_known.status == "reachable"


def test_a_worker_that_hangs_keeps_no_one_waiting(base, worker, slow):
    worker.say_to("/requests/", 204, b"", before=lambda: slow.wait(3))
    with stream(base) as response:
        answer = requests.delete(f"{base}/requests/{id_of(response)}", timeout=20)
        assert answer.elapsed.total_seconds() < 2
        assert is_cancelled(response)
    slow.set()


def test_a_worker_that_does_not_answer_is_told_again(base, worker, slow):
    worker.say_to("/requests/", 503, b"<html>", X_Service="edge", before=lambda: worker.say_to("/requests/", 204, b""))
    with stream(base) as response:
        cancel(base, id_of(response))
        assert is_cancelled(response)
    wait_until(lambda: len(told(worker)) == 2, "the second try", 5)


def test_during_a_cold_start_it_ends_at_once(client_with, worker):
    worker.say(503, b"<html>", X_Service="edge")
    generation = services_of(client_with(worker_wake_seconds=60).application).generation
    events = generation.follow(GenerationOptions(prompt="a", seed=7), "an-id", Waiter("client", request_id="an-id"))
    assert next(events).content.phase == "waking"
    assert generation.cancellations.cancel("an-id") == "cancelled"
    with pytest.raises(Cancelled):
        list(events)
    wait_until(lambda: not generation._flights._flights, "the flight's end", 1)


@pytest.mark.parametrize(("agent", "status"), [("Twitterbot/1.0", 503), ("Slackbot-LinkExpanding 1.0", 503)])
def test_a_link_preview_bot_is_refused(base, worker, slow, agent, status):
    with stream(base) as response:
        answer = requests.delete(f"{base}/requests/{id_of(response)}", headers={"User-Agent": agent}, timeout=20)
        assert (answer.status_code, answer.json()["code"]) == (status, "speculative_request")
        answer = requests.delete(f"{base}/requests/{id_of(response)}", headers={"Sec-Purpose": "prefetch"}, timeout=20)
        assert answer.status_code == status
        assert cancel(base, id_of(response)) == (200, "cancelled")
        assert is_cancelled(response)


def test_pages_of_allowed_origins_may(client_with):
    client = client_with(cors_origins=("https://page.example",))
    for origin, allowed in (("https://page.example", True), ("https://other.example", False)):
        headers = {"Origin": origin, "Access-Control-Request-Method": "DELETE"}
        answer = client.options("/requests/an-id", headers=headers)
        assert (answer.headers.get("Access-Control-Allow-Origin") == origin) == allowed
        assert ("DELETE" in answer.headers.get("Access-Control-Allow-Methods", "")) == allowed
    answer = client.delete("/requests/an-id", headers={"Origin": "https://page.example"})
    assert "X-Request-ID" in answer.headers["Access-Control-Expose-Headers"]


def test_other_methods_are_refused(client):
    answer = client.get("/requests/an-id")
    assert (answer.status_code, answer.json["error"]) == (405, "This address takes DELETE alone.")


def test_fifty_at_once_end_all(base, worker, slow):
    def one(number: int) -> bool:
        with stream(base, f"/generate?prompt=a&seed={number}") as response:
            assert cancel(base, id_of(response)) == (200, "cancelled")
            return is_cancelled(response)

    with ThreadPoolExecutor(50) as pool:
        assert all(pool.map(one, range(50)))
    wait_until(lambda: len(told(worker)) == 50, "the worker is told of all", 10)


def test_at_its_very_end_either_is_true(base, worker):
    """A request is cancelled, or has its picture: never both, and never neither."""
    worker.say(200, (STARTING, 0.05, DONE), Content_Type=NDJSON)
    worker.say_to("/requests/", 204, b"")
    seen = set()

    def one(number: int) -> tuple[int, str]:
        with stream(base, f"/generate?prompt=a&seed={number}") as response:
            threading.Event().wait(0.004 * (number % 20))
            status, _ = cancel(base, id_of(response))
            return status, last_event(response)[0]

    with ThreadPoolExecutor(4) as pool:
        seen = set(pool.map(one, range(80)))
    assert seen <= {(200, "failure"), (404, "result")}


def test_a_request_that_is_not_open_is_over(application):
    with pytest.raises(RequestOver):
        services_of(application).generation.cancellations.cancel("")
