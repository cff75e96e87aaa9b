"""Five hundred callers at once before a queue of twenty: each gets an answer in time, and then all is as it was."""

import concurrent.futures
import contextlib
import time
from collections import Counter

import psutil
import requests

from tests.end_to_end.conftest import TOKEN, running
from tests.fakes.processes import open_files, wait_until

CALLERS = 500


def test_everybody_is_answered_and_the_worker_is_as_it_was(tmp_path):
    with running(tmp_path, PERCHANCE_ROUTES="package", QUEUE_SIZE=20) as stack:
        for _ in range(3):
            assert stack.get(prompt="a tree").status_code == 200
        before = state(stack)
        stack.play(delay=0.2)
        with concurrent.futures.ThreadPoolExecutor(CALLERS) as callers:
            asked = [callers.submit(stack.get, prompt=f"tree {number}") for number in range(CALLERS)]
            answers = [caller.result() for caller in asked]
        found = Counter((answer.status_code, answer.json().get("code")) for answer in answers)
        assert found.keys() == {(200, None), (503, "worker_busy")}, found
        assert found[(200, None)] >= 20
        assert all(int(answer.headers["Retry-After"]) > 0 for answer in answers if answer.status_code == 503)
        wait_until(lambda: stack.worker_health()["status"] == "ready", "an idle worker")
        after = state(stack)
        assert after["processes"] == before["processes"]
        assert after["launches"] == before["launches"] == 1
        assert after["mib"] < before["mib"] + 40
        assert stack.get(prompt="a tree").status_code == 200


def test_the_worker_itself_stands_it_and_tells_of_its_health_meanwhile(tmp_path):
    with running(tmp_path, PERCHANCE_ROUTES="package", QUEUE_SIZE=20) as stack:
        process = stack.worker.tree()[1]

        def ask(number: int) -> tuple[int, str | None]:
            body, token = {"prompt": f"tree {number}"}, {"Authorization": f"Bearer {TOKEN}"}
            answer = requests.post(f"{stack.worker.url}/generate", json=body, headers=token, timeout=60)
            return answer.status_code, answer.json().get("code")

        def storm() -> Counter:
            with concurrent.futures.ThreadPoolExecutor(CALLERS) as callers:
                asked = [callers.submit(ask, number) for number in range(CALLERS)]
                while not all(caller.done() for caller in asked):
                    begun = time.monotonic()
                    stack.worker_health()
                    slowest.append(time.monotonic() - begun)
                return Counter(caller.result() for caller in asked)

        stack.play(delay=0.2)
        slowest = []
        storm()  # what it needs once, it keeps: threads, and memory for them
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
    """What a storm must not change. Threads of gunicorn's pool are kept, so only the processes are counted."""
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
