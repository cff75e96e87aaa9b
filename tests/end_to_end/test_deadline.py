"""The deadline ends the work in both tiers; a caller who hangs up ends nothing."""

import concurrent.futures
import socket
import time

import pytest
import requests

from tests.end_to_end.conftest import TOKEN, Stack
from tests.processes import api, wait_until


@pytest.fixture
def hasty(stack):
    """The same worker behind an API tier whose deadline is one second."""
    with api(PERCHANCE_WORKER_URL=stack.worker.url, WORKER_TOKEN=TOKEN, REQUEST_TIMEOUT_SECONDS=1) as front:
        yield Stack(stack.sandbox, stack.worker, front)


@pytest.mark.parametrize(
    "scenario", [{"generate": "hang"}, {"verify": "hang"}, {"download": "hang"}, {"delay": 60}], ids=str
)
def test_the_deadline_aborts_the_site_s_request_and_frees_the_session_within_a_second(hasty, scenario):
    hasty.play(**scenario)
    answer = hasty.get(prompt="a tree")
    passed = time.monotonic()
    assert (answer.status_code, answer.json()["code"]) == (504, "timeout")
    wait_until(lambda: any(entry["outcome"] == "aborted" for entry in log_of(hasty)), 1, "the abort")
    hasty.play()
    assert hasty.get(prompt="a tree").status_code == 200
    assert time.monotonic() - passed < 3
    assert hasty.get("/ready").json()["worker"]["queue"]["running"] == 0


def log_of(stack):
    return requests.get(f"{stack.sandbox.url}/sandbox/log", timeout=5).json()


def test_waiting_for_the_site_ends_at_the_deadline(hasty):
    hasty.play(generate="waiting_for_prev_request_to_finish")
    begun = time.monotonic()
    assert hasty.get(prompt="a tree").json()["code"] == "timeout"
    assert time.monotonic() - begun < 3


def test_waiting_in_the_queue_ends_at_the_deadline(stack, hasty):
    stack.play(delay=2.5)
    with concurrent.futures.ThreadPoolExecutor() as callers:
        patient = callers.submit(stack.get, prompt="a tree")
        wait_until(lambda: stack.gauge()["in_flight"] == 1, 5, "the patient caller's generation")
        assert hasty.get(prompt="a tree").json()["code"] == "timeout"
        assert patient.result().status_code == 200


def test_a_caller_who_hangs_up_does_not_end_the_work(stack):
    stack.play(delay=1)
    with socket.create_connection(("127.0.0.1", stack.api.port)) as caller:
        caller.sendall(b"GET /generate?prompt=a%20tree HTTP/1.1\r\nHost: localhost\r\n\r\n")
        wait_until(lambda: stack.gauge()["in_flight"] == 1, 5, "the generation")
    wait_until(lambda: stack.asked("download"), 5, "the picture's download")
    assert [entry["outcome"] for entry in stack.asked("generate")] == ["answered"]
