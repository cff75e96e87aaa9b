"""The browser is closed where nobody needs it and replaced where memory runs short; callers notice nothing."""

import concurrent.futures
import time

import pytest

from tests.end_to_end.conftest import running
from tests.end_to_end.victims import of_worker
from tests.processes import wait_until


def engine(stack):
    return stack.worker_health()["engines"]["perchance"]


def test_an_idle_browser_is_closed_and_the_next_request_starts_it_again(tmp_path):
    with running(tmp_path, BROWSER_IDLE_SECONDS=2) as stack:
        assert stack.get(prompt="a tree").status_code == 200
        wait_until(lambda: not engine(stack)["details"]["browser_running"], 10, "the browser's end")
        wait_until(lambda: not of_worker(stack, "headless") + of_worker(stack, "run-driver"), 10, "its processes' end")
        assert stack.get("/ready").status_code == 200
        begun = time.monotonic()
        assert stack.get(prompt="a tree").status_code == 200
        assert time.monotonic() - begun < 10
        assert engine(stack)["details"]["browser_launches"] == 2


def test_a_browser_at_work_is_not_idle(tmp_path):
    with running(tmp_path, BROWSER_IDLE_SECONDS=1, PERCHANCE_GENERATE_SECONDS=20) as stack:
        stack.play(delay=4)
        assert stack.get(prompt="a tree").status_code == 200
        assert engine(stack)["details"]["browser_launches"] == 1


@pytest.mark.parametrize("limit", [210, 100], ids=["when the pictures are done", "at once"])
def test_a_short_memory_replaces_the_browser_and_loses_no_picture(tmp_path, limit):
    with running(tmp_path, MEMORY_LIMIT_MB=limit, PERCHANCE_ROUTES="package") as stack:
        stack.play(delay=0.5)
        with concurrent.futures.ThreadPoolExecutor() as callers:
            asked = [callers.submit(stack.get, prompt="a tree") for _ in range(3)]
            assert [answer.result().status_code for answer in asked] == [200] * 3
        wait_until(lambda: engine(stack)["details"]["browser_launches"] >= 2, 20, "another browser")
        health = stack.worker_health()
        assert health["memory"]["limit_mib"] == limit
        assert "MiB are used" in stack.worker.log()
        time.sleep(3)
        assert engine(stack)["details"]["browser_launches"] <= 3  # and not again and again
        assert stack.get(prompt="a tree").status_code == 200


def test_health_tells_of_each_session(tmp_path):
    with running(tmp_path, PERCHANCE_SESSIONS=2, PERCHANCE_RECYCLE_IMAGES=2, PERCHANCE_ROUTES="package") as stack:
        assert engine(stack)["sessions"] == [{"state": "closed", "images": 0}] * 2
        assert stack.get(prompt="a tree").status_code == 200
        assert sorted(session["state"] for session in engine(stack)["sessions"]) == ["closed", "idle"]
        assert sorted(session["images"] for session in engine(stack)["sessions"]) == [0, 1]
        stack.play(delay=1)
        with concurrent.futures.ThreadPoolExecutor() as callers:
            asked = callers.submit(stack.get, prompt="a tree")
            wait_until(lambda: stack.gauge()["in_flight"] == 1, 5, "the generation")
            assert "working" in [session["state"] for session in engine(stack)["sessions"]]
            assert asked.result().status_code == 200
        assert [session["images"] for session in engine(stack)["sessions"]] == [0, 0]  # its pages were replaced
        assert stack.worker_health()["memory"]["used_mib"] > 50
