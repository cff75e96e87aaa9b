"""Overload: five hundred clients at once, a queue of twenty. Each gets a response, and no resource is leaked."""

import concurrent.futures
import contextlib
import time
from collections import Counter

import psutil
import requests

from tests.end_to_end.conftest import TOKEN, running
from tests.fakes.processes import open_files, wait_until

CLIENTS = 500


def test_every_request_gets_a_response_and_the_worker_is_as_it_was(tmp_path):
    with running(tmp_path, PERCHANCE_ROUTES="package", QUEUE_SIZE=20) as stack:
        for _ in range(3):
            assert stack.get(prompt="a tree").status_code == 200
        before = state(stack)
        stack.play(delay=0.2)
        with concurrent.futures.ThreadPoolExecutor(CLIENTS) as clients:
            pending = [clients.submit(stack.get, prompt=f"tree {number}") for number in range(CLIENTS)]
            responses = [future.result() for future in pending]
        found = Counter((response.status_code, response.json().get("code")) for response in responses)
        assert found.keys() == {(200, None), (503, "worker_busy")}, found
        assert found[(200, None)] >= 20
        assert all(int(response.headers["Retry-After"]) > 0 for response in responses if response.status_code == 503)
        wait_until(lambda: stack.worker_health()["status"] == "ready", "an idle worker")
        after = state(stack)
        assert after["processes"] == before["processes"]
        assert after["launches"] == before["launches"] == 1
        assert after["mib"] < before["mib"] + 40
        assert stack.get(prompt="a tree").status_code == 200


def test_the_worker_itself_survives_it_and_reports_its_health_meanwhile(tmp_path):
    with running(tmp_path, PERCHANCE_ROUTES="package", QUEUE_SIZE=20) as stack:
        process = stack.worker.tree()[1]

        def ask(number: int) -> tuple[int, str | None]:
            body, token = {"prompt": f"tree {number}"}, {"Authorization": f"Bearer {TOKEN}"}
            response = requests.post(f"{stack.worker.url}/generate", json=body, headers=token, timeout=60)
            return response.status_code, response.json().get("code")

        def storm() -> Counter:
            with concurrent.futures.ThreadPoolExecutor(CLIENTS) as clients:
                pending = [clients.submit(ask, number) for number in range(CLIENTS)]
                while not all(future.done() for future in pending):
                    begun = time.monotonic()
                    stack.worker_health()
                    slowest.append(time.monotonic() - begun)
                return Counter(future.result() for future in pending)

        stack.play(delay=0.2)
        slowest = []
        storm()  # threads and their memory are kept from here on
        wait_until(lambda: stack.worker_health()["queue"]["running"] == 0, "an idle worker")
        threads = process.num_threads()
        found = storm()
        assert found.keys() == {(200, None), (503, "worker_busy")}, found
        assert found[(200, None)] >= 20
        assert max(slowest) < 5
        wait_until(lambda: stack.worker_health()["status"] == "ready", "an idle worker")
        wait_until(lambda: open_files(process, stack.worker.port) < 40, "closed connections")
        assert process.num_threads() <= threads + 2
        assert stack.get(prompt="a tree").status_code == 200


def state(stack) -> dict[str, int]:
    """Return what overload must not change. gunicorn keeps its pool's threads, so only processes are counted."""
    names = Counter()
    for process in stack.worker.tree():
        with contextlib.suppress(psutil.NoSuchProcess):
            names[process.name()] += 1
    health = stack.worker_health()
    details = health["engines"]["perchance"]["details"]
    return {
        "processes": sum(names.values()),
        "launches": details["browser_launches"],
        "mib": health["memory"]["used_mib"],
    }
