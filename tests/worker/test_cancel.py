"""DELETE /requests/<id> of the worker: what the API tier tells it when a client has cancelled."""

import concurrent.futures
import json
import threading

import pytest

from render_worker import KEY
from tests.fakes.processes import wait_until
from tests.worker.test_stream import AS_STREAM, SKETCH, lines_of, slow

__all__ = ["slow"]  # a fixture


def running(client) -> int:
    return client.get("/health").json["queue"]["running"]


def known(client, request_id: str) -> int:
    return client.get(f"/requests/{request_id}/known").status_code


def test_it_works(client, slow):
    with client.post("/generate", json=SKETCH, headers=AS_STREAM) as stream:
        answer = client.delete("/requests/an-id")
        assert (answer.status_code, answer.data, answer.headers["X-Service"]) == (204, b"", "render-worker")
        last = lines_of(stream)[-1]
    assert (last["event"], last["status"], last["error"]["code"]) == ("error", 409, "cancelled")
    assert last["error"]["request_id"] == "an-id"
    wait_until(lambda: running(client) == 0, "the slot is free", 5)


def test_a_request_is_known_from_its_beginning_on(client, slow):
    assert known(client, "an-id") == 404
    with client.post("/generate", json=SKETCH, headers=AS_STREAM) as stream:
        wait_until(lambda: running(client) == 1, "it has begun", 5)
        assert (known(client, "an-id"), known(client, "another")) == (204, 404)
        slow.set()
        assert lines_of(stream)[-1]["event"] == "result"
    assert known(client, "an-id") == 204


def test_a_cancelled_one_is_not_known(client, slow):
    with client.post("/generate", json=SKETCH, headers=AS_STREAM) as stream:
        wait_until(lambda: running(client) == 1, "it has begun", 5)
        client.delete("/requests/an-id")
        assert known(client, "an-id") == 404
        lines_of(stream)
    assert known(client, "an-id") == 404


def test_a_plain_response_is_an_error(client, slow):
    with concurrent.futures.ThreadPoolExecutor() as pool:
        waiting = pool.submit(client.application.test_client().post, "/generate", json=SKETCH)
        wait_until(lambda: running(client) == 1, "it has begun", 5)
        client.delete("/requests/an-id")
        answer = waiting.result(5)
    assert (answer.status_code, answer.json["code"]) == (409, "cancelled")


def test_it_is_no_failure(client, slow):
    with client.post("/generate", json=SKETCH, headers=AS_STREAM) as stream:
        client.delete("/requests/an-id")
        assert lines_of(stream)[-1]["error"].get("fallback_from") is None
    health = client.get("/health").json
    assert (health["last_errors"], health["engines"]["sketch"]["state"]) == ([], "ready")
    assert "engine_failures_total{" not in client.get("/metrics").text


def test_what_waits_for_a_slot_leaves_the_queue(client_with, slow):
    client = client_with(max_concurrency=1, queue_size=5)
    with client.post("/generate", json=SKETCH, headers=AS_STREAM) as first:
        second = client.post("/generate", json={**SKETCH, "request_id": "second"}, headers=AS_STREAM)
        client.delete("/requests/second")
        assert lines_of(second)[-1]["error"]["code"] == "cancelled"
        wait_until(lambda: client.get("/health").json["queue"]["waiting"] == 0, "an empty queue", 5)
        slow.set()
        assert lines_of(first)[-1]["event"] == "result"


def test_it_may_overtake_its_request(client):
    assert client.delete("/requests/an-id").status_code == 204
    answer = client.post("/generate", json=SKETCH)
    assert (answer.status_code, answer.json["code"], answer.json["request_id"]) == (409, "cancelled", "an-id")
    assert client.post("/generate", json={**SKETCH, "request_id": "another"}).status_code == 200


def test_twice_or_for_nothing_it_says_the_same(client):
    assert [client.delete("/requests/no-such").status_code for _ in range(2)] == [204, 204]


@pytest.mark.parametrize("name", ["-", "a" * 65, "a_b", "%00", "ä", "a/b", "", "a%2Fb", "a%0A"])
def test_what_can_be_no_id_is_not_found(client, name):
    answer = client.delete(f"/requests/{name}")
    assert (answer.status_code, answer.json["code"]) == (404, "not_found")


def test_a_request_without_an_id_cannot_be_cancelled(client, slow):
    with client.post("/generate", json={**SKETCH, "request_id": "-"}, headers=AS_STREAM) as stream:
        client.delete("/requests/-")
        slow.set()
        assert lines_of(stream)[-1]["event"] == "result"


def test_it_needs_the_token(client_with):
    client = client_with(worker_token="a-token-of-the-tests")
    assert client.delete("/requests/an-id").json["code"] == "unauthorized"
    own = {"Authorization": "Bearer a-token-of-the-tests"}
    assert client.post("/generate", json=SKETCH, headers=own).status_code == 200
    assert client.delete("/requests/an-id", headers=own).status_code == 204


def test_other_methods_are_refused(client):
    answer = client.get("/requests/an-id")
    assert (answer.status_code, set(answer.headers["Allow"].split(", "))) == (405, {"DELETE", "OPTIONS"})


def test_fifty_at_once_end_all(client_with, slow):
    client = client_with(max_concurrency=64, queue_size=64)
    services = client.application.extensions[KEY]
    ended = threading.Barrier(51)

    def cancelled(number: int) -> str:
        own = client.application.test_client()
        body = {**SKETCH, "seed": number, "request_id": f"id-{number}"}
        with own.post("/generate", json=body, headers=AS_STREAM) as stream:
            ended.wait(20)
            own.delete(f"/requests/id-{number}")
            return json.loads(stream.text.splitlines()[-1])["error"]["code"]

    with concurrent.futures.ThreadPoolExecutor(50) as pool:
        codes = [pool.submit(cancelled, number) for number in range(50)]
        ended.wait(20)
        assert {it.result(20) for it in codes} == {"cancelled"}
    wait_until(lambda: not services.requests._in_flight, "the end of all", 5)
