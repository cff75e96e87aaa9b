"""The deadline ends the work in both tiers; a caller who hangs up ends nothing."""

import concurrent.futures
import socket
from contextlib import contextmanager

import pytest
import requests

from tests.end_to_end.conftest import TOKEN, Stack, running
from tests.fakes.processes import api, wait_until

PHASES = {
    "package": ({"generate": "hang"}, {"verify": "hang"}, {"download": "hang"}, {"delay": 600}),
    "page": ({"page": "hang"}, {"upload": "hang"}, {"delay": 600}),
}
# Far longer than anybody waits here, so that only the deadline can have ended what ends.
LONG = {f"PERCHANCE_{phase}_SECONDS": 200 for phase in ("PAGE", "VERIFY", "GENERATE", "DOWNLOAD")}


@contextmanager
def in_haste(stack, seconds):
    """The same worker behind an API tier with a short deadline."""
    with api(PERCHANCE_WORKER_URL=stack.worker.url, WORKER_TOKEN=TOKEN, REQUEST_TIMEOUT_SECONDS=seconds) as front:
        yield Stack(stack.sandbox, stack.worker, front)


@pytest.mark.parametrize("route", PHASES)
def test_the_deadline_aborts_the_site_s_request_and_frees_the_session(tmp_path, route):
    with running(tmp_path, PERCHANCE_ROUTES=route, **LONG) as stack, in_haste(stack, 2) as hasty:
        for scenario in PHASES[route]:
            assert stack.get(prompt="a tree").status_code == 200, scenario
            stack.play(**scenario)
            answer = hasty.get(prompt="a tree")
            assert (answer.status_code, answer.json()["code"]) == (504, "timeout"), scenario
            wait_until(
                lambda: any(entry["outcome"] == "aborted" for entry in log_of(stack)), f"the abort of {scenario}"
            )
            requests.post(f"{stack.sandbox.url}/sandbox/reset", timeout=5).raise_for_status()
        assert stack.get(prompt="a tree").status_code == 200
        assert stack.worker_health()["queue"]["running"] == 0


def log_of(stack):
    return requests.get(f"{stack.sandbox.url}/sandbox/log", timeout=5).json()


def test_waiting_for_the_site_ends_at_the_deadline(tmp_path):
    with running(tmp_path, PERCHANCE_ROUTES="package", **LONG) as stack, in_haste(stack, 1) as hasty:
        stack.play(generate="waiting_for_prev_request_to_finish")
        assert hasty.get(prompt="a tree").json()["code"] == "timeout"


def test_waiting_in_the_queue_ends_at_the_deadline(stack):
    stack.play(delay=2.5)
    with in_haste(stack, 1) as hasty, concurrent.futures.ThreadPoolExecutor() as callers:
        patient = callers.submit(stack.get, prompt="a tree")
        wait_until(lambda: stack.gauge()["in_flight"] == 1, "the patient caller's generation")
        assert hasty.get(prompt="a tree").json()["code"] == "timeout"
        assert patient.result().status_code == 200


def test_a_caller_who_hangs_up_does_not_end_the_work(stack):
    stack.play(delay=1)
    with socket.create_connection(("127.0.0.1", stack.api.port)) as caller:
        caller.sendall(b"GET /generate?prompt=a%20tree HTTP/1.1\r\nHost: localhost\r\n\r\n")
        wait_until(lambda: stack.gauge()["in_flight"] == 1, "the generation")
    wait_until(lambda: stack.asked("download"), "the picture's download")
    assert [entry["outcome"] for entry in stack.asked("generate")] == ["answered"]
