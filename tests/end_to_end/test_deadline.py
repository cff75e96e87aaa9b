"""The deadline ends a generation in both tiers; a client that disconnects does not."""

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
# Far longer than any test waits, so that only the deadline can end a phase.
LONG = {f"PERCHANCE_{phase}_SECONDS": 200 for phase in ("PAGE", "VERIFY", "GENERATE", "DOWNLOAD")}


@contextmanager
def with_deadline(stack, seconds):
    """Run another API tier before the same worker, with a deadline of `seconds`."""
    with api(PERCHANCE_WORKER_URL=stack.worker.url, WORKER_TOKEN=TOKEN, REQUEST_TIMEOUT_SECONDS=seconds) as front:
        yield Stack(stack.sandbox, stack.worker, front)


@pytest.mark.parametrize("route", PHASES)
def test_the_deadline_aborts_the_site_s_request_and_frees_the_session(tmp_path, route):
    with running(tmp_path, PERCHANCE_ROUTES=route, **LONG) as stack, with_deadline(stack, 2) as short:
        for scenario in PHASES[route]:
            assert stack.get(prompt="a tree").status_code == 200, scenario
            stack.play(**scenario)
            response = short.get(prompt="a tree")
            assert (response.status_code, response.json()["code"]) == (504, "timeout"), scenario
            wait_until(
                lambda: any(entry["outcome"] == "aborted" for entry in log_of(stack)), f"the abort of {scenario}"
            )
            requests.post(f"{stack.sandbox.url}/sandbox/reset", timeout=5).raise_for_status()
        assert stack.get(prompt="a tree").status_code == 200
        assert stack.worker_health()["queue"]["running"] == 0


def log_of(stack):
    return requests.get(f"{stack.sandbox.url}/sandbox/log", timeout=5).json()


def test_waiting_for_the_site_ends_at_the_deadline(tmp_path):
    with running(tmp_path, PERCHANCE_ROUTES="package", **LONG) as stack, with_deadline(stack, 1) as short:
        stack.play(generate="waiting_for_prev_request_to_finish")
        assert short.get(prompt="a tree").json()["code"] == "timeout"


def test_waiting_in_the_queue_ends_at_the_deadline(stack):
    stack.play(delay=2.5)
    with with_deadline(stack, 1) as short, concurrent.futures.ThreadPoolExecutor() as clients:
        patient = clients.submit(stack.get, prompt="a tree")
        wait_until(lambda: stack.gauge()["in_flight"] == 1, "the patient client's generation")
        assert short.get(prompt="a tree").json()["code"] == "timeout"
        assert patient.result().status_code == 200


def test_a_client_that_disconnects_does_not_end_the_generation(stack):
    stack.play(delay=1)
    with socket.create_connection(("127.0.0.1", stack.api.port)) as client:
        client.sendall(b"GET /generate?prompt=a%20tree HTTP/1.1\r\nHost: localhost\r\n\r\n")
        wait_until(lambda: stack.gauge()["in_flight"] == 1, "the generation")
    wait_until(lambda: stack.requests_to("download"), "the picture's download")
    assert [entry["outcome"] for entry in stack.requests_to("generate")] == ["answered"]
