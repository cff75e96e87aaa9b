"""What takes a slot, seen from the application itself, and that each is released."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from image_api.services import services_of
from tests.api.conftest import NAME, RESULT
from tests.fakes.processes import wait_until

EVENTS = {"Accept": "text/event-stream"}
OPENAI = "/v1/images/generations"
FOUR = {"prompt": "a", "n": 4}
BUSY = {"success": False, "error": "Busy.", "code": "worker_busy", "retry_after": 15}
ASLEEP = (502, b"<html>")
OTHER = {"REMOTE_ADDR": "127.0.0.9"}


def held(client) -> int:
    return len(services_of(client.application).generation.admission)


def test_a_stream_that_is_closed_before_its_first_event_is_sent_releases_its_slot(client, worker):
    worker.say(200, RESULT, before=lambda: time.sleep(1.5))
    answer = client.get("/generate?prompt=a", headers=EVENTS, buffered=False)
    assert held(client) == 1
    answer.close()
    assert held(client) == 1  # the abandoned flight holds it now
    wait_until(lambda: held(client) == 0, "the generation's end")


@pytest.mark.parametrize(
    ("path", "body"), [("/generate", {"prompt": "a"}), (OPENAI, FOUR), ("/v1/images/generate", {"prompt": "a"})]
)
@pytest.mark.parametrize("headers", [{}, EVENTS], ids=["plain", "stream"])
@pytest.mark.parametrize(("status", "answer"), [(200, RESULT), (503, BUSY), (200, b"no JSON"), (502, b"<html>")])
def test_no_slot_is_held_after_a_response(client_with, worker, path, body, headers, status, answer):
    client = client_with(worker_wake_seconds=0)
    worker.say(status, answer)
    for _ in range(3):
        client.post(path, json=body, headers=headers).close()
    wait_until(lambda: held(client) == 0, "slots that are released")


def test_of_four_pictures_those_without_a_slot_are_begun_when_another_has_ended(client_with, worker):
    client = client_with(max_generations=4)
    worker.say(200, RESULT, before=lambda: time.sleep(1.5))
    with ThreadPoolExecutor(2) as pool:
        other = pool.submit(client.application.test_client().get, "/generate?prompt=other")
        wait_until(lambda: worker.asked_to_make(), "the other generation")
        four = pool.submit(client.application.test_client().post, OPENAI, json=FOUR)
        wait_until(lambda: len(worker.asked_to_make()) == 4, "three of the four")
        assert held(client) == 4
        assert len(four.result().json["data"]) == 4
        assert other.result().status_code == 200
    assert len(worker.asked_to_make()) == 5
    wait_until(lambda: held(client) == 0, "slots that are released")


def test_of_four_pictures_what_was_not_begun_is_cancelled_at_an_error_of_all(client, worker):
    answers = [lambda: None] + [lambda: time.sleep(8)] * 3

    def before() -> None:
        answers.pop(0)()

    worker.say(400, {**BUSY, "code": "invalid_parameter"}, before=before)
    begun = time.monotonic()
    assert client.post(OPENAI, json=FOUR).status_code == 400
    assert time.monotonic() - begun < 6
    wait_until(lambda: held(client) <= 2, "what is let go", 6)


def test_jobs_leave_half_of_the_slots_to_others(client_with, worker):
    client = client_with(max_generations=4)
    release = threading.Event()
    worker.say(200, RESULT, before=lambda: release.wait(30))
    for number in range(4):
        assert client.post("/api/v1/generate", json={"prompt": f"tree {number}"}).status_code == 202
    with ThreadPoolExecutor(1) as pool:
        wait_until(lambda: held(client) == 2, "two jobs")
        other = pool.submit(client.application.test_client().get, "/generate?prompt=other")
        wait_until(lambda: held(client) == 3, "the other generation")
        release.set()
        assert other.result().status_code == 200
    wait_until(lambda: len(worker.asked_to_make()) == 5 and held(client) == 0, "the jobs' end")


def test_a_cached_response_takes_no_slot(client_with, worker):
    client = client_with(max_generations=1)
    client.get("/generate?prompt=a&seed=7")
    worker.say(200, RESULT, before=lambda: time.sleep(1.5))
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(client.application.test_client().get, "/generate?prompt=other")
        wait_until(lambda: held(client) == 1, "the other generation")
        assert client.get("/generate?prompt=a&seed=7").headers["X-Cache"] == "HIT"
        assert b"event: result" in client.get("/generate?prompt=a&seed=7", headers=EVENTS).data
        assert client.get("/generate?prompt=b").json["code"] == "service_busy"
        other.result()


def test_galleries_do_not_keep_generations_from_waiting_for_a_cold_start(client_with, worker):
    """Nor does one client's gallery keep out another's."""
    client = client_with(max_generations=4)
    worker.say(*ASLEEP, X_Service="edge")

    def fetch(environ: dict[str, str] | None = None):
        return client.application.test_client().get(f"/images/{NAME}", environ_base=environ or {})

    with ThreadPoolExecutor(8) as pool:
        fetches = [pool.submit(fetch) for _ in range(6)]
        wait_until(lambda: sum(it.done() for it in fetches) == 2, "the refusals")
        pool.submit(client.application.test_client().get, "/generate?prompt=a")
        wait_until(lambda: held(client) == 1, "the generation")
        other = pool.submit(fetch, OTHER)
        wait_until(lambda: sum(it.done() for it in fetches) == 3, "one that is evicted", 5)
        assert not other.done()
        assert held(client) == 1
        services_of(client.application).generation.stop()
        assert {it.result().json["code"] for it in fetches} == {"worker_unavailable"}


@pytest.mark.parametrize("path", ["/ready", "/models", "/v1/models", "/wake", f"/images/{NAME}"])
def test_a_worker_that_hangs_is_waited_for_by_so_many_at_a_time(client_with, worker, path):
    """Also for a coalesced read; and one client's reads are evicted for another's."""
    client = client_with(max_generations=4)
    answered = threading.Event()
    worker.say(200, RESULT, before=lambda: answered.wait(20))

    def fetch(environ: dict[str, str] | None = None):
        return client.application.test_client().get(path, environ_base=environ or {})

    with ThreadPoolExecutor(8) as pool:
        try:
            fetches = [pool.submit(fetch) for _ in range(6)]
            wait_until(lambda: sum(it.done() for it in fetches) >= 2, "the refusals")
            refused = [it.result() for it in fetches if it.done()]
            assert {it.status_code for it in refused} <= {503, 202}
            assert sum('"worker_unavailable"' in it.text for it in refused) >= 2
            if path != "/wake":  # which waits for two seconds only
                other = pool.submit(fetch, OTHER)
                wait_until(lambda: sum(it.done() for it in fetches) >= 3, "one that is evicted", 5)
                assert not other.done()
        finally:
            answered.set()
