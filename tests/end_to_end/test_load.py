"""Several callers at once: one session, a bounded queue, and nobody blocked by somebody else's slow picture."""

import concurrent.futures

from tests.processes import wait_until


def test_one_session_makes_one_picture_at_a_time_and_a_full_queue_refuses(stack):
    stack.play(delay=1)
    with concurrent.futures.ThreadPoolExecutor(8) as callers:
        asked = [callers.submit(stack.get, prompt=f"tree {number}") for number in range(6)]
        answers = [caller.result() for caller in asked]
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [200, 200, 200, 503, 503, 503]  # one is made, two wait (QUEUE_SIZE=2), three are turned away
    refused = next(answer for answer in answers if answer.status_code == 503)
    assert refused.json()["code"] == "worker_busy"
    assert int(refused.headers["Retry-After"]) > 0
    assert stack.gauge()["peak"] == 1


def test_a_slow_generation_blocks_neither_health_nor_another_engine(stack):
    stack.play(delay=2.5)
    with concurrent.futures.ThreadPoolExecutor() as callers:
        slow = callers.submit(stack.get, prompt="a tree")
        wait_until(lambda: stack.gauge()["in_flight"] == 1, "the slow generation")
        assert stack.get("/health").json()["status"] == "healthy"
        assert stack.worker_health()["status"] == "busy"
        assert stack.get(prompt="a tree", model="sketch").status_code == 200
        assert not slow.done()
        assert slow.result().status_code == 200
