"""Recovery of the browser: if it dies or hangs it is replaced, and its pages are recycled."""

import contextlib

import psutil
import pytest
import requests

from tests.end_to_end.conftest import TOKEN, running
from tests.end_to_end.victims import VICTIMS, kill, of_worker, zombies
from tests.fakes.processes import wait_until


@pytest.mark.parametrize("route", ["stack", "by_page"])
@pytest.mark.parametrize("victim", VICTIMS)
def test_the_next_picture_is_made_whatever_was_killed(route, victim, request):
    """Kill between two pictures; test_crash_recovery kills during one."""
    stack = request.getfixturevalue(route)
    assert stack.get(prompt="a tree").status_code == 200
    assert kill(stack, victim)
    response = stack.get(prompt="a tree")
    assert response.status_code == 200, response.text
    wait_until(lambda: not zombies(stack), "the end of every zombie")


@pytest.mark.parametrize("route", ["package", "page"])
def test_pages_are_replaced_after_some_pictures(tmp_path, route):
    with running(tmp_path, PERCHANCE_ROUTES=route, PERCHANCE_RECYCLE_IMAGES=4) as stack:
        for _ in range(9):
            assert stack.get(prompt="a tree").status_code == 200
        if route == "package":
            assert len(stack.requests_to("verifyUser")) == 3  # each new page asks for its key
        assert len([line for line in stack.worker.log().splitlines() if "replaced" in line]) == 2
        assert len(of_worker(stack, "--type=renderer")) <= 2


def test_the_browser_has_a_lower_priority_than_the_server(stack):
    assert [process.nice() for process in of_worker(stack, "run-driver")] == [10]
    assert stack.worker.tree()[1].nice() == 0


def test_neither_driver_nor_browser_finds_the_worker_s_secrets_in_its_environment(stack):
    for kind in ("browser", "driver"):
        found = of_worker(stack, *VICTIMS[kind])
        assert found
        assert not any(TOKEN in str(process.environ()) for process in found)


def test_a_browser_that_hangs_at_a_phase_s_limit_is_replaced(tmp_path):
    with running(tmp_path, PERCHANCE_ROUTES="package") as stack:
        assert stack.get(prompt="a tree").status_code == 200
        for process in of_worker(stack, "--remote-debugging-pipe"):
            process.suspend()
        assert stack.get(prompt="a tree").status_code == 200
        assert "The browser hung" in stack.worker.log()
        assert len(of_worker(stack, "run-driver")) == 1


def test_deadlines_that_pass_during_a_launch_leave_one_driver(stack):
    for _ in range(5):
        kill(stack, "driver")
        for milliseconds in (20, 100, 300):
            body = {"prompt": "a tree", "timeout_seconds": milliseconds / 1000}
            headers = {"Authorization": f"Bearer {TOKEN}"}
            requests.post(f"{stack.worker.url}/generate", json=body, headers=headers, timeout=10)
        assert stack.get(prompt="a tree").status_code == 200
    assert len(of_worker(stack, "run-driver")) == 1


def test_what_a_killed_browser_wrote_is_removed(tmp_path):
    with running(tmp_path / "images", PERCHANCE_ROUTES="package", TMPDIR=tmp_path) as stack:

        def folders():
            return list(tmp_path.glob("render-worker-*"))

        for victim in ("browser", "driver"):
            assert kill(stack, victim)
            assert stack.get(prompt="a tree").status_code == 200
        assert len(folders()) == 1
        assert list(folders()[0].glob("playwright*")), "the browser does not write there"
        left = stack.worker.tree()
        for process in left:  # a machine that is switched off
            with contextlib.suppress(psutil.NoSuchProcess):  # a process of the browser's that ended just now
                process.kill()
        stack.worker.process.wait(60)
        assert len(folders()) == 1
        stack.worker.start_again()
        wait_until(lambda: stack.get("/ready").ok, "the worker's readiness")
        assert stack.get(prompt="a tree").status_code == 200
        assert len(folders()) == 1
        stack.worker.stop()
        assert folders() == []
        assert not list(tmp_path.glob("playwright*"))
