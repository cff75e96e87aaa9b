"""Webhooks of a real API tier: through kills and a graceful shutdown, and beside receivers that are dead."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.api.conftest import ScriptedWorker
from tests.end_to_end.rendering import DISPATCHES, scripted_rendering
from tests.fakes.processes import Server, api, free_port, wait_until
from tests.fakes.webhook_receiver import SECRET, Receiver, hang, independent_signature, status

JOBS = 50
PRIVATE = "private-of-the-url"


@pytest.fixture(scope="module")
def worker() -> Iterator[ScriptedWorker]:
    """Yield a render worker that makes each picture at once."""
    scripted = ScriptedWorker()
    yield scripted
    scripted.close()


@contextmanager
def serving(worker: ScriptedWorker, folder: Path, *origins: str, **settings: object) -> Iterator[Server]:
    """Run an API tier whose webhooks may be sent to these origins."""
    own = {
        "PERCHANCE_WORKER_URL": worker.url,
        "DATABASE_URL": f"sqlite:///{folder}/jobs.db",
        "WEBHOOK_SECRET": SECRET,
        "WEBHOOK_ORIGINS": ",".join(origins),
        "CACHE_EXPIRATION_HOURS": 0,
        "LOG_LEVEL": "DEBUG",
    }
    with api(**{**own, **settings}) as server:
        yield server


def submit(server: Server, webhook_url: str | None = None, **fields: object) -> str:
    """Submit a job, and return its id."""
    body = {"prompt": "a boat", **fields, **({"webhook_url": webhook_url} if webhook_url else {})}
    response = requests.post(f"{server.url}/api/v1/generate", json=body, timeout=30)
    assert response.status_code == 202, response.text
    return response.json()["job_id"]


def job(server: Server, job_id: str) -> dict[str, Any]:
    return requests.get(f"{server.url}/api/v1/status/{job_id}", timeout=30).json()


def delivery(server: Server, job_id: str) -> dict[str, Any]:
    """Return a job's only delivery; empty if there is none yet."""
    listed = requests.get(f"{server.url}/api/v1/jobs/{job_id}/deliveries", timeout=30)
    assert listed.status_code == 200
    found = listed.json()["deliveries"]
    return found[0] if found else {}


@pytest.mark.parametrize("dispatch", DISPATCHES)
def test_it_works_and_says_what_the_status_says(worker, tmp_path, dispatch):
    with (
        Receiver(status(500), status(204)) as receiver,
        scripted_rendering(dispatch, worker) as settings,
        serving(worker, tmp_path, receiver.origin, **settings) as server,
    ):
        job_id = submit(server, receiver.url, n=2)
        first, second = receiver.wait_for(2)
        wait_until(lambda: delivery(server, job_id)["status"] == "delivered", "the delivery")
        shown = delivery(server, job_id)
        assert second.message["data"] == job(server, job_id)
        log = server.log()
    assert (second.message["type"], len(second.message["data"]["images"])) == ("job.completed", 2)
    assert (first.id, first.body) == (second.id, second.body)
    assert second.headers["webhook-signature"] == independent_signature(second)
    assert [attempt["status_code"] for attempt in shown["attempts"]] == [500, 204]
    assert shown["host"] == f"127.0.0.1:{receiver.port}"
    for text in (str(shown), second.body.decode(), log):
        assert PRIVATE not in text
        assert SECRET.removeprefix("whsec_") not in text


@pytest.mark.parametrize("dispatch", DISPATCHES)
def test_a_failed_and_a_cancelled_job_tell_so_too(worker, tmp_path, dispatch):
    failing = ScriptedWorker()
    failing.say(422, {"success": False, "error": "This prompt was refused.", "code": "content_refused"})
    with (
        Receiver() as receiver,
        scripted_rendering(dispatch, failing) as settings,
        serving(failing, tmp_path, receiver.origin, **settings) as server,
    ):
        submit(server, receiver.url)
        (failed,) = receiver.wait_for(1)
        failing.say(200, {}, before=lambda: time.sleep(20))
        cancelled = submit(server, receiver.url, seed=1)
        requests.delete(f"{server.url}/api/v1/jobs/{cancelled}", timeout=30)
        _, canceled = receiver.wait_for(2)
    failing.close()
    assert (failed.message["type"], failed.message["data"]["code"]) == ("job.failed", "content_refused")
    assert (canceled.message["type"], canceled.message["data"]["job_id"]) == ("job.canceled", cancelled)


def test_a_killed_api_tier_delivers_after_it_is_started_again(worker, tmp_path):
    port = free_port()
    with serving(worker, tmp_path, f"http://127.0.0.1:{port}") as server:
        job_id = submit(server, f"http://127.0.0.1:{port}/hook?token={PRIVATE}")
        wait_until(lambda: delivery(server, job_id).get("attempts"), "an attempt")
        before = delivery(server, job_id)
        server.process.send_signal(signal.SIGKILL)
        for process in server.tree():
            process.kill()
        server.process.wait(20)
        with Receiver(port=port) as receiver:
            server.start_again()
            assert server._is_up()
            (received,) = receiver.wait_for(1)
            wait_until(lambda: delivery(server, job_id)["status"] == "delivered", "the delivery")
            shown = delivery(server, job_id)
    assert before["status"] == "pending"
    assert received.id == before["id"] == shown["id"]
    assert shown["attempts"][0] == before["attempts"][0]


def test_a_receiver_that_hangs_delays_neither_jobs_nor_other_receivers_nor_health(worker, tmp_path):
    with (
        Receiver(hang(20)) as dead,
        Receiver() as alive,
        serving(worker, tmp_path, dead.origin, alive.origin) as server,
    ):

        def seconds_of_jobs(webhook_url: str | None, first_seed: int) -> float:
            begun = time.monotonic()
            ids = [submit(server, webhook_url, seed=first_seed + number) for number in range(JOBS)]
            wait_until(lambda: all(job(server, it)["status"] == "completed" for it in ids), "the end of the jobs")
            return time.monotonic() - begun

        seconds_of_jobs(None, 0)  # the first ones also load the database's library
        without = seconds_of_jobs(None, 1000)
        beside = seconds_of_jobs(dead.url, 2000)
        assert beside < 2 * without + 1
        begun = time.monotonic()
        submit(server, alive.url, seed=5000)
        alive.wait_for(1)
        assert requests.get(f"{server.url}/health", timeout=5).status_code == 200
        assert time.monotonic() - begun < 4
        assert dead.connections <= 4


def test_a_graceful_shutdown_does_not_wait_for_a_receiver_that_hangs(worker, tmp_path):
    with Receiver(hang(30)) as dead, serving(worker, tmp_path, dead.origin, GRACEFUL_TIMEOUT_SECONDS=2) as server:
        submit(server, dead.url)
        dead.wait_for(1)
        assert server.stop() < 10
        assert "Traceback" not in server.log()


def test_without_a_secret_a_webhook_is_refused_and_what_is_due_waits_for_one(worker, tmp_path):
    port = free_port()
    with serving(worker, tmp_path, f"http://127.0.0.1:{port}") as server:
        job_id = submit(server, f"http://127.0.0.1:{port}/hook")
        wait_until(lambda: delivery(server, job_id).get("attempts"), "an attempt")
    with serving(worker, tmp_path, f"http://127.0.0.1:{port}", WEBHOOK_SECRET="") as server:
        refused = requests.post(
            f"{server.url}/api/v1/generate", json={"prompt": "a", "webhook_url": "https://hook.example/"}, timeout=30
        )
        assert delivery(server, job_id)["status"] == "pending"
    assert (refused.status_code, refused.json()["code"]) == (400, "invalid_parameter")
    assert refused.json()["error"].startswith("webhook_url")
    assert "WEBHOOK_SECRET" in refused.json()["hint"]


REFUSED = (
    *("https://127.0.0.1/", "https://[::1]/", "https://intranet/", "https://user@hook.example/"),
    *("http://hook.example/", "https://hook.example/#x", 5, "https://hook.example/" + "x" * 2000),
)


@pytest.mark.parametrize("url", REFUSED)
def test_an_address_inside_is_refused_by_name(shared, url):
    body = {"prompt": "a boat", "webhook_url": url}
    refused = requests.post(f"{shared.url}/api/v1/generate", json=body, timeout=30)
    assert (refused.status_code, refused.json()["code"]) == (400, "invalid_parameter")
    assert refused.json()["error"].startswith("webhook_url must be")


@pytest.fixture(scope="module")
def shared(worker, tmp_path_factory) -> Iterator[Server]:
    with serving(worker, tmp_path_factory.mktemp("jobs")) as server:
        yield server
