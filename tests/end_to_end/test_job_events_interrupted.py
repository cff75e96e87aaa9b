"""A job's event stream while the service, its database or another client comes between."""

import contextlib
import signal
import threading
import time
from collections.abc import Iterator

import pytest
import requests

from tests.end_to_end.conftest import Stack
from tests.end_to_end.job_tiers import API, api_of, events_of, job_rendering, reset, start
from tests.end_to_end.rendering import DISPATCHES
from tests.fakes.postgres_server import PostgresServer
from tests.fakes.processes import Server, wait_until
from tests.fakes.watching import Watching


@pytest.fixture(scope="module", params=DISPATCHES)
def tiers(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with job_rendering(tmp_path_factory.mktemp("jobs"), request.param) as stack:
        yield stack


@pytest.fixture
def stack(tiers: Stack) -> Iterator[Stack]:
    yield tiers
    reset(tiers)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL], ids=["stopped", "killed"])
def test_a_client_goes_on_at_the_service_that_is_started_again(stack, tmp_path, how):
    stack.play(delay=2)
    with api_of(stack, f"sqlite:///{tmp_path}/jobs.db", GRACEFUL_TIMEOUT_SECONDS=1) as server:
        job = start(server.url)
        with events_of(server.url, job) as watching:
            seen = watching.wait_for("status", status="processing")
            server.stop(how) if how == signal.SIGTERM else _kill(server)
            wait_until(lambda: watching.ended, "the stream's end", 20)
            assert not watching.events[-1].id.endswith(":end")
        server.start_again()
        wait_until(lambda: _answers(server), "the service")
        with events_of(server.url, job, Last_Event_ID=seen.id) as again:
            assert again.wait_for_end().name == "completed"


def _kill(server: Server) -> None:
    for process in server.tree():
        process.kill()
    server.process.wait()


def _answers(server: Server) -> bool:
    with contextlib.suppress(requests.ConnectionError):
        return requests.get(f"{server.url}/health", timeout=5).ok
    return False


def test_a_stop_waits_for_no_stream(stack, tmp_path):
    stack.play(delay=60)
    with api_of(stack, f"sqlite:///{tmp_path}/jobs.db", GRACEFUL_TIMEOUT_SECONDS=15, JOB_CONCURRENCY=1) as server:
        jobs = [start(server.url, prompt=f"boat {number}") for number in range(2)]
        with events_of(server.url, jobs[1]) as watching:
            watching.wait_for("status")
            begun = time.monotonic()
            stopping = threading.Thread(target=server.process.terminate)
            stopping.start()
            wait_until(lambda: watching.ended, "the stream's end", 20)
            assert time.monotonic() - begun < 8
            stopping.join()
        requests.post(f"{stack.sandbox.url}/sandbox/reset", timeout=5)


def test_what_runs_in_another_process_is_told_here_as_well(stack, tmp_path):
    stack.play(delay=1)
    database = f"sqlite:///{tmp_path}/jobs.db"
    with api_of(stack, database) as one, api_of(stack, database) as other:
        job = start(one.url)
        with events_of(one.url, job) as there, events_of(other.url, job) as here:
            ends = there.wait_for_end(), here.wait_for_end()
        assert ends[0].name == ends[1].name == "completed"
        assert [it["sha256"] for it in ends[0].data["images"]] == [it["sha256"] for it in ends[1].data["images"]]
        assert here.events[0].name == "status"


def test_a_database_that_goes_down_cuts_no_stream(stack, tmp_path):
    stack.play(delay=1)
    with PostgresServer() as postgres, api_of(stack, postgres.url, JOB_CONCURRENCY=1) as server:
        job = start(server.url)
        with events_of(server.url, job) as watching:
            watching.wait_for("status")
            postgres.kill()
            down = requests.get(f"{server.url}{API}/health", timeout=20)
            assert (down.status_code, down.json()["status"], down.json()["database"]["status"]) == (
                503,
                "unhealthy",
                "down",
            )
            refused = requests.get(f"{server.url}{API}/jobs/{'0' * 32}/events", timeout=30)
            assert (refused.status_code, refused.json()["code"]) == (503, "database_unavailable")
            assert requests.get(f"{server.url}/health", timeout=5).ok
            assert not watching.ended
            postgres.start()
            assert watching.wait_for_end().name == "completed"
        wait_until(lambda: requests.get(f"{server.url}{API}/health", timeout=20).ok, "the database's health", 30)


def test_a_stream_gives_way_to_another_client_s_picture(stack, tmp_path):
    stack.play(delay=30)
    settings = {"MAX_GENERATIONS": 4, "TRUSTED_PROXIES": "loopback", "JOB_CONCURRENCY": 1}
    with api_of(stack, f"sqlite:///{tmp_path}/jobs.db", **settings) as server, contextlib.ExitStack() as opened:
        job = start(server.url)
        greedy = {"X-Forwarded-For": "192.0.2.1"}
        streams = [opened.enter_context(Watching(job["links"]["events"], greedy)) for _ in range(4)]
        streams = [stream for stream in streams if stream.response.status == 200]
        assert len(streams) >= 3  # the job itself may hold one
        for stream in streams:
            stream.wait_for("status")
        other = {"X-Forwarded-For": "192.0.2.2"}
        made = requests.get(f"{server.url}/generate?prompt=a&model=sketch", headers=other, timeout=30)
        assert made.status_code == 200, made.text
        wait_until(lambda: any(stream.ended for stream in streams), "the end of one stream", 20)
        assert not any(event.id.endswith(":end") for stream in streams for event in stream.events)
        requests.delete(job["links"]["cancel"], timeout=30)
