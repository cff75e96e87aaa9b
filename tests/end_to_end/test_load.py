"""Concurrent clients: one session, backpressure by a bounded queue, and no client blocked by another's picture."""

import concurrent.futures
import threading

import requests

from tests.end_to_end.conftest import TOKEN
from tests.fakes.processes import wait_until


def test_one_session_makes_one_picture_at_a_time_and_a_full_queue_refuses(stack):
    stack.play(delay=1)
    with concurrent.futures.ThreadPoolExecutor(8) as clients:
        pending = [clients.submit(stack.get, prompt=f"tree {number}") for number in range(6)]
        responses = [future.result() for future in pending]
    statuses = sorted(response.status_code for response in responses)
    assert statuses == [200, 200, 200, 503, 503, 503]  # one is made, two wait (QUEUE_SIZE=2), three are refused
    refused = next(response for response in responses if response.status_code == 503)
    assert refused.json()["code"] == "worker_busy"
    assert int(refused.headers["Retry-After"]) > 0
    assert stack.gauge()["peak"] == 1


def test_a_slow_generation_blocks_neither_health_nor_another_engine(stack):
    stack.play(delay=2.5)
    with concurrent.futures.ThreadPoolExecutor() as clients:
        slow = clients.submit(stack.get, prompt="a tree")
        wait_until(lambda: stack.gauge()["in_flight"] == 1, "the slow generation")
        assert stack.get("/health").json()["status"] == "healthy"
        assert stack.worker_health()["status"] == "busy"
        assert stack.get(prompt="a tree", model="sketch").status_code == 200
        assert not slow.done()
        assert slow.result().status_code == 200


def test_a_flood_of_sketches_fills_no_other_engine_s_queue(stack):
    """Requests beyond the engine's own slots and queue share are refused; every picture of Perchance is made."""
    enough, statuses = threading.Event(), set()

    def flood(number: int) -> None:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        while not enough.is_set():
            body = {"prompt": f"a tree {number}", "model": "sketch"}
            statuses.add(
                requests.post(f"{stack.worker.url}/generate", json=body, headers=headers, timeout=30).status_code
            )

    stack.play(delay=0.3)
    with concurrent.futures.ThreadPoolExecutor(12) as clients:
        flooding = [clients.submit(flood, number) for number in range(9)]
        wait_until(lambda: 503 in statuses, "a queue that is full")
        responses = [
            response for _ in range(3) for response in clients.map(lambda n: stack.get(prompt=f"{n}"), range(3))
        ]
        enough.set()
        for one in flooding:
            one.result()
    assert [response.status_code for response in responses] == [200] * 9
    assert statuses == {200, 503}
