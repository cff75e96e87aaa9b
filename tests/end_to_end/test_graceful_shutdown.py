"""Graceful shutdown: SIGTERM drains requests in flight; if time runs out they get an error; no process is left."""

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
def test_the_worker_drains_before_it_exits(tmp_path, route, delay, status, code):
    limits = {"PERCHANCE_GENERATE_SECONDS": 60, "GRACEFUL_TIMEOUT_SECONDS": 3}
    with running(tmp_path, PERCHANCE_ROUTES=route, **limits) as stack, in_background() as submit:
        stack.play(delay=delay)
        token = {"Authorization": f"Bearer {TOKEN}"}
        # Sent to the worker itself: the API tier would wait for its replacement.
        response = submit(
            requests.post, f"{stack.worker.url}/generate", headers=token, json={"prompt": "a"}, timeout=60
        )
        wait_until(lambda: stack.gauge()["in_flight"] == 1, "the generation")
        left = shut_down(stack.worker)
        assert (response.result().status_code, response.result().json().get("code")) == (status, code)
        assert (stack.worker.process.returncode, left) == (0, [])


@pytest.mark.parametrize(
    ("grace", "status", "code"), [(5, 200, None), (1, 503, "service_stopping")], ids=["fits", "does not fit"]
)
def test_the_api_drains_before_it_exits(stack, grace, status, code):
    settings = {"PERCHANCE_WORKER_URL": stack.worker.url, "WORKER_TOKEN": TOKEN, "GRACEFUL_TIMEOUT_SECONDS": grace}
    with api(**settings) as front, in_background() as submit:
        stack.play(delay=2.5)
        response = submit(type(stack)(stack.sandbox, stack.worker, front).get, prompt="a tree")
        wait_until(lambda: stack.gauge()["in_flight"] == 1, "the generation")
        left = shut_down(front)
        assert (response.result().status_code, response.result().json().get("code")) == (status, code)
        assert (front.process.returncode, left) == (0, [])


def test_a_worker_that_was_stopped_starts_again_at_once(tmp_path):
    with running(tmp_path, PERCHANCE_ROUTES="package") as stack:
        for _ in range(2):
            assert stack.get(prompt="a tree").status_code == 200
            stack.worker.stop()
            stack.worker.start_again()


@pytest.mark.parametrize("how", [hang, kill])
def test_a_shutdown_leaves_nothing_of_a_driver_that_hangs_or_died(tmp_path, how):
    with running(tmp_path, PERCHANCE_ROUTES="package") as stack:
        assert stack.get(prompt="a tree").status_code == 200
        assert how(stack, "driver")
        left = shut_down(stack.worker)
        assert (stack.worker.process.returncode, left) == (0, [])
        assert "Traceback" not in stack.worker.log()
        assert "never retrieved" not in stack.worker.log()


def in_background():
    """Return a context whose value runs a call in a thread of its own, and which waits for it."""
    pool = concurrent.futures.ThreadPoolExecutor(1)

    class Background:
        def __enter__(self):
            return pool.submit

        def __exit__(self, *_):
            pool.shutdown()

    return Background()


def shut_down(server: Server) -> list[psutil.Process]:
    """Send SIGTERM; return the processes of the server that still run. Raises TimeoutExpired if it does not exit."""
    tree = server.tree()
    server.stop()
    return left_of(tree)
