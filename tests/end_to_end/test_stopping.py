"""SIGTERM: what runs is finished where it fits into the time, told where it does not, and nothing is left behind."""

import concurrent.futures

import psutil
import pytest
import requests

from tests.end_to_end.conftest import TOKEN, running
from tests.end_to_end.victims import hang, kill
from tests.fakes.processes import Server, api, left_of, wait_until


@pytest.mark.parametrize("route", ["page", "package"])
@pytest.mark.parametrize(
    ("delay", "status", "code"),
    [(1.5, 200, None), (30, 503, "worker_unavailable")],
    ids=["fits", "does not fit"],
)
def test_the_worker_answers_before_it_ends(tmp_path, route, delay, status, code):
    limits = {"PERCHANCE_GENERATE_SECONDS": 60, "GRACEFUL_TIMEOUT_SECONDS": 3}
    with running(tmp_path, PERCHANCE_ROUTES=route, **limits) as stack, caller() as asked:
        stack.play(delay=delay)
        token = {"Authorization": f"Bearer {TOKEN}"}
        # Of the worker itself: the API tier would wait for another one.
        answer = asked(requests.post, f"{stack.worker.url}/generate", headers=token, json={"prompt": "a"}, timeout=60)
        wait_until(lambda: stack.gauge()["in_flight"] == 1, "the generation")
        left = end(stack.worker)
        assert (answer.result().status_code, answer.result().json().get("code")) == (status, code)
        assert (stack.worker.process.returncode, left) == (0, [])


@pytest.mark.parametrize(
    ("grace", "status", "code"), [(5, 200, None), (1, 503, "service_stopping")], ids=["fits", "does not fit"]
)
def test_the_api_answers_before_it_ends(stack, grace, status, code):
    settings = {"PERCHANCE_WORKER_URL": stack.worker.url, "WORKER_TOKEN": TOKEN, "GRACEFUL_TIMEOUT_SECONDS": grace}
    with api(**settings) as front, caller() as asked:
        stack.play(delay=2.5)
        answer = asked(type(stack)(stack.sandbox, stack.worker, front).get, prompt="a tree")
        wait_until(lambda: stack.gauge()["in_flight"] == 1, "the generation")
        left = end(front)
        assert (answer.result().status_code, answer.result().json().get("code")) == (status, code)
        assert (front.process.returncode, left) == (0, [])


def test_a_worker_that_was_stopped_starts_again_at_once(tmp_path):
    with running(tmp_path, PERCHANCE_ROUTES="package") as stack:
        for _ in range(2):
            assert stack.get(prompt="a tree").status_code == 200
            stack.worker.stop()
            stack.worker.start_again()


@pytest.mark.parametrize("how", [hang, kill])
def test_a_stop_leaves_nothing_of_a_driver_that_hangs_or_died(tmp_path, how):
    with running(tmp_path, PERCHANCE_ROUTES="package") as stack:
        assert stack.get(prompt="a tree").status_code == 200
        assert how(stack, "driver")
        left = end(stack.worker)
        assert (stack.worker.process.returncode, left) == (0, [])
        assert "Traceback" not in stack.worker.log()
        assert "never retrieved" not in stack.worker.log()


def caller():
    """Asks in a thread of its own."""
    pool = concurrent.futures.ThreadPoolExecutor(1)

    class Caller:
        def __enter__(self):
            return pool.submit

        def __exit__(self, *_):
            pool.shutdown()

    return Caller()


def end(server: Server) -> list[psutil.Process]:
    """Send SIGTERM, which is obeyed in time or the test fails; returns what is left of the server's processes."""
    tree = server.tree()
    server.stop()
    return left_of(tree)
