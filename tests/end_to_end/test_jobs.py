"""Jobs across both tiers, before Perchance by the sandbox: no accepted one is lost, and no picture made twice."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psutil
import pytest
import requests

from tests.end_to_end.conftest import TOKEN, Stack
from tests.fakes.processes import Server, api, wait_until


@pytest.fixture
def front_of(stack: Stack, tmp_path) -> Callable[..., Server]:
    """Makes servers of the API tier before the stack's render worker, with one database of jobs."""
    return lambda **settings: front(stack, tmp_path, **settings)


def front(stack: Stack, folder, **settings: object) -> Server:
    own = {"DATABASE_URL": f"sqlite:///{folder}/jobs.db", "RETRY_BACKOFF_BASE": 1, "GRACEFUL_TIMEOUT_SECONDS": 1}
    return api(**{"PERCHANCE_WORKER_URL": stack.worker.url, "WORKER_TOKEN": TOKEN, **own, **settings})


def submit(server: Server, **body: object) -> str:
    """Submit a job, and return its id."""
    response = requests.post(f"{server.url}/api/v1/generate", json={"prompt": "a tree", **body}, timeout=30)
    assert response.status_code == 202, response.text
    return response.json()["job_id"]


def job_at(server: Server, job_id: str) -> dict:
    return requests.get(f"{server.url}/api/v1/status/{job_id}", timeout=30).json()


def when(server: Server, job_id: str, *statuses: str, seconds: float = 60) -> dict:
    """Return a job when it has one of these statuses."""
    wait_until(lambda: job_at(server, job_id)["status"] in statuses, f"the job, {job_at(server, job_id)}", seconds)
    return job_at(server, job_id)


def begun(stack: Stack) -> None:
    wait_until(lambda: stack.gauge()["in_flight"] == 1, "the picture's begin")


@contextmanager
def signalled(server: Server, number: signal.Signals) -> Iterator[None]:
    """Signal all processes of a server, and let them go on at the end."""
    os.killpg(server.process.pid, number)
    try:
        yield
    finally:
        os.killpg(server.process.pid, signal.SIGCONT)


def test_killed_and_paused_processes_lose_no_job_and_make_no_picture_twice(stack, front_of):
    stack.play(delay=3)
    with front_of() as killed, front_of(JOB_CONCURRENCY=1) as paused:
        ids = [submit(killed), submit(paused)]
        begun(stack)
        for job_id in ids:
            when(killed, job_id, "processing")
        with signalled(paused, signal.SIGSTOP):
            os.killpg(killed.process.pid, signal.SIGKILL)
            killed.process.wait()
            killed.start_again()
            assert killed._is_up()
            jobs = [when(killed, job_id, "completed", "failed") for job_id in ids]
        assert [(job["status"], job["attempts"]) for job in jobs] == [("completed", 2)] * 2
        names = [job["images"][0]["sha256"] for job in jobs]
        assert [job_at(paused, job_id)["images"][0]["sha256"] for job_id in ids] == names
    assert len(stack.requests_to("generate")) == 2


def test_a_job_outlives_its_render_worker(stack, front_of):
    stack.play(delay=5)
    with front_of() as server:
        job_id = submit(server)
        begun(stack)
        for process in psutil.Process(stack.worker.process.pid).children():
            process.kill()  # gunicorn starts another one
        stack.play(delay=0)
        job = when(server, job_id, "completed", "failed")
        assert (job["status"], len(job["images"])) == ("completed", 1)
        assert len(stack.requests_to("generate")) == 2


def test_a_graceful_stop_hands_a_running_job_over(stack, front_of):
    stack.play(delay=4)
    with front_of() as first:
        job_id = submit(first)
        begun(stack)
        with front_of() as second:
            assert first.stop() < 6
            assert job_at(second, job_id)["attempts"] <= 1
            job = when(second, job_id, "completed", "failed")
            assert (job["status"], job["attempts"]) == ("completed", 1)
        assert "Traceback" not in first.log()
    assert len(stack.requests_to("generate")) == 1


def test_a_job_that_ends_within_the_grace_period_is_completed(stack, front_of):
    stack.play(delay=2)
    with front_of(GRACEFUL_TIMEOUT_SECONDS=10) as server:
        job_id = submit(server)
        begun(stack)
        assert server.stop() < 10
        server.start_again()
        wait_until(lambda: server._is_up(), "the server")
        job = job_at(server, job_id)
        assert (job["status"], job["attempts"]) == ("completed", 1)


def test_a_job_is_made_or_cancelled_at_the_engine(stack, front_of):
    with front_of() as server:
        job = when(server, submit(server, seed=7), "completed", "failed")
        assert (job["status"], job["attempts"], len(job["images"])) == ("completed", 1, 1)
        assert stack.picture(job["images"][0]["image_url"]).size == (768, 768)
        stack.play(delay=5)
        job_id = submit(server)
        begun(stack)
        assert requests.delete(f"{server.url}/api/v1/jobs/{job_id}", timeout=10).json()["status"] == "canceled"
        wait_until(lambda: stack.gauge()["in_flight"] == 0, "the end at the engine", 3)
        assert job_at(server, job_id)["status"] == "canceled"
