"""/api/v1/health: what jobs need, and which of it is down, whatever hangs."""

import socket
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from image_api.jobs.database import durability
from image_api.jobs.database.durability import loss_hint
from image_api.services import services_of
from image_api.settings import Settings
from tests.api.jobs.conftest import ended
from tests.fakes.postgres_server import PASSWORD, PostgresServer
from tests.fakes.processes import ROOT, api, clean_environment, free_port, wait_until

HEALTH = "/api/v1/health"
BOUND_SECONDS = 20.0  # a busy machine is no failure: without a bound it would be the time limit of the test
WITHOUT_JOBS = """
import sys
from image_api.application import create_app
from image_api.settings import Settings
client = create_app(Settings(database_url="sqlite:///{file}")).test_client()
status = client.get("/api/v1/health").json["database"]["status"]
print(status, {{"sqlalchemy", "psycopg", "alembic"}} & sys.modules.keys())
"""


def submit(client) -> str:
    return client.post("/api/v1/generate", json={"prompt": "a tree"}).json["job_id"]


def test_without_any_job_all_is_well_and_nothing_is_loaded(tmp_path):
    file = tmp_path / "jobs.db"
    code = WITHOUT_JOBS.format(file=file)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=clean_environment(), capture_output=True, text=True, timeout=60
    )
    assert (done.stdout, done.returncode) == ("not_in_use set()\n", 0), done.stderr
    assert not file.exists()


def test_it_tells_of_the_database_the_worker_and_the_queue(both, worker, migrated_url):
    ended(both, submit(both))
    found = both.get(HEALTH)
    assert (found.status_code, found.json["status"]) == (200, "healthy")
    assert "reasons" not in found.json
    kind = migrated_url.partition(":")[0]
    assert found.json["database"] == {"status": "up", "kind": kind, "durable": True}
    assert [it["number"] for it in found.json["workers"]] == [1]
    wait_until(lambda: both.get(HEALTH).json["queue"] == {"pending": 0, "running": 0}, "an empty queue", 10)
    assert both.head(HEALTH).headers["Content-Length"]


def test_it_counts_what_waits_and_what_runs(client_with, worker, tmp_path):
    release = threading.Event()
    worker.say(200, {}, before=lambda: release.wait(20))
    client = client_with(job_concurrency=1, worker_wake_seconds=0, max_retries=0)
    ids = [submit(client) for _ in range(3)]
    wait_until(worker.asked_to_make, "the first job", 10)
    assert client.get(HEALTH).json["workers"][0]["status"] == "waking"
    assert client.get(HEALTH).json["queue"]["running"] == 1
    wait_until(lambda: client.get(HEALTH).json["queue"]["oldest_seconds"] >= 1, "some time", 10)
    assert client.get(HEALTH).json["queue"]["pending"] == 2
    for job_id in ids:
        client.delete(f"/api/v1/jobs/{job_id}")
    release.set()


def test_no_render_worker_is_asked(client, worker):
    assert client.get(HEALTH).json["workers"] == [{"number": 1, "status": "asleep"}]
    assert worker.requests == []


def test_a_worker_that_is_down_is_named_and_jobs_are_accepted(client_with):
    urls = f"http://127.0.0.1:{free_port()}"
    client = client_with(perchance_worker_url=urls, worker_wake_seconds=0)
    client.get("/generate?prompt=a")
    found = client.get(HEALTH)
    assert (found.status_code, found.json["status"]) == (200, "degraded")
    assert found.json["reasons"] == ["The render worker is down."]
    assert found.json["workers"][0]["status"] == "down"


def test_one_that_is_killed_is_noticed_though_no_client_asks_it(client_with, busy):
    worker = busy(1)
    client = client_with(perchance_worker_url=worker.url, worker_wake_seconds=0)
    ended(client, submit(client))
    assert client.get(HEALTH).json["workers"][0]["status"] == "up"
    worker.close()
    wait_until(lambda: client.get(HEALTH).json["status"] == "degraded", "the news of it", 10)
    assert client.get(HEALTH).json["reasons"] == ["The render worker is down."]


def test_one_that_is_probed_is_down_if_it_did_not_sleep(client_with, busy):
    worker = busy(1)
    client = client_with(perchance_worker_url=worker.url, worker_wake_seconds=20)
    ended(client, submit(client))
    worker.close()
    job_id = submit(client)
    cold_start = services_of(client.application).worker.cold_start
    wait_until(lambda: cold_start.latest and cold_start.latest.tried.done(), "a probe in vain", 10)
    found = client.get(HEALTH).json
    assert cold_start.in_progress
    assert (found["status"], found["workers"][0]["status"]) == ("degraded", "down")
    wait_until(lambda: "progress" in client.get(f"/api/v1/status/{job_id}").json, "its progress", 10)
    shown = client.get(f"/api/v1/status/{job_id}").json["progress"]
    assert shown["message"] == "The render worker does not answer, and is asked again and again."
    assert "expected_seconds" not in shown


def test_one_that_sleeps_is_waking_until_that_takes_too_long(client_with):
    client = client_with(perchance_worker_url=f"http://127.0.0.1:{free_port()}", worker_wake_seconds=2)
    cold_start = services_of(client.application).worker.cold_start
    first = cold_start.probes()
    wait_until(first.tried.done, "a probe in vain", 10)
    found = client.get(HEALTH).json
    assert (found["status"], found["workers"][0]["status"]) == ("healthy", "waking")
    wait_until(first.up.done, "the end of the cold start", 20)
    cold_start.probes()
    found = client.get(HEALTH).json
    assert cold_start.in_progress
    assert (found["status"], found["workers"][0]["status"]) == ("degraded", "down")


def test_of_several_workers_each_has_its_number(client_with, worker):
    client = client_with(perchance_worker_url=f"{worker.url},http://127.0.0.1:{free_port()}", worker_wake_seconds=0)
    assert [it["number"] for it in client.get(HEALTH).json["workers"]] == [1, 2]


def test_a_service_without_a_worker_says_which_setting_it_needs(client_with):
    found = client_with(perchance_worker_url=None).get(HEALTH)
    assert (found.status_code, found.json["status"]) == (200, "degraded")
    assert "PERCHANCE_WORKER_URL" in found.json["reasons"][0]


def test_a_full_queue_is_told(client_with, worker):
    release = threading.Event()
    worker.say(200, {}, before=lambda: release.wait(20))
    client = client_with(job_concurrency=1, max_pending_jobs=1, worker_wake_seconds=0, max_retries=0)
    first = submit(client)
    wait_until(lambda: client.get(f"/api/v1/status/{first}").json["status"] == "processing", "the first job", 10)
    second = submit(client)
    wait_until(lambda: client.get(HEALTH).json["status"] == "degraded", "the news of it", 10)
    assert "many jobs" in client.get(HEALTH).json["reasons"][0]
    for job_id in (first, second):
        client.delete(f"/api/v1/jobs/{job_id}")
    release.set()


def test_a_database_that_is_down_is_503_and_tells_no_address(client_with):
    with PostgresServer() as server:
        client = client_with(database_url=server.url, max_retries=0)
        ended(client, submit(client))
        assert client.get(HEALTH).json["database"]["status"] == "up"
        server.kill()
        # It is written to before it is read, so the last number of jobs may be there a moment longer.
        wait_until(lambda: "queue" not in client.get(HEALTH).json, "the news of it", 10)
        found = client.get(HEALTH)
        assert found.status_code == 503
        assert (found.json["status"], found.json["database"]["status"]) == ("unhealthy", "down")
        assert "database" in found.json["reasons"][0]
        assert not any(secret in found.text for secret in (str(server.port), "127.0.0.1", PASSWORD, "postgres:"))
        assert client.get("/health").status_code == 200
        server.start()
        wait_until(lambda: client.get(HEALTH).json["status"] == "healthy", "the database's return", 20)


def test_one_that_was_never_up_is_503(client_with):
    client = client_with(database_url=f"postgresql://user:secret@127.0.0.1:{free_port()}/jobs")
    found = client.get(HEALTH)
    assert (found.status_code, found.json["database"]["kind"]) == (503, "postgresql")
    assert "secret" not in found.text


def test_one_that_hangs_is_503_within_a_bound_for_any_number_of_clients(client_with):
    with socket.create_server(("127.0.0.1", 0), backlog=50) as silent:
        client = client_with(database_url=f"postgresql://user:secret@127.0.0.1:{silent.getsockname()[1]}/jobs")
        took: list[float] = []

        def ask() -> None:
            begun = time.monotonic()
            assert client.application.test_client().get(HEALTH).status_code == 503
            took.append(time.monotonic() - begun)

        clients = [threading.Thread(target=ask) for _ in range(20)]
        for each in clients:
            each.start()
        for each in clients:
            each.join(30)
        assert len(took) == 20
        assert max(took) < BOUND_SECONDS
        assert sum(thread.name == "check" for thread in threading.enumerate()) <= 2


def test_one_that_another_process_has_locked_is_waited_for(client_with, tmp_path):
    file = tmp_path / "locked.db"
    client = client_with(database_url=f"sqlite:///{file}", max_retries=0)
    ended(client, submit(client))
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        wait_until(lambda: client.get(HEALTH).json["database"]["status"] == "locked", "the news of it", 10)
        found = client.get(HEALTH)
        assert (found.status_code, found.json["status"]) == (200, "degraded")
        assert "locked" in found.json["reasons"][0]
    finally:
        other.close()
    wait_until(lambda: client.get(HEALTH).json["status"] == "healthy", "its release", 20)


def test_a_file_that_cannot_be_written_is_503(client_with):
    client = client_with(database_url="sqlite:////proc/jobs.db")
    assert client.post("/api/v1/generate", json={"prompt": "a tree"}).status_code == 503
    found = client.get(HEALTH)
    assert (found.status_code, found.json["database"]["status"]) == (503, "down")


def test_the_path_is_the_setting_s(client_with):
    client = client_with(api_v1_prefix="/jobs-of-mine")
    found = client.get("/jobs-of-mine/health")
    assert (found.status_code, found.json["database"]["status"]) == (200, "not_in_use")


@pytest.mark.parametrize("variables", [{"render": "true"}, {"render_external_url": "https://images.onrender.com"}])
def test_a_file_on_an_instance_s_own_disk_is_not_durable(client_with, monkeypatch, tmp_path, variables):
    file = tmp_path / "default" / "jobs.db"
    monkeypatch.setattr(durability, "DEFAULT_FILE", file)
    found = client_with(database_url=f"sqlite:///{file}", **variables).get(HEALTH)
    assert (found.status_code, found.json["status"]) == (200, "healthy")
    assert found.json["database"]["durable"] is False
    assert "DATABASE_URL" in found.json["database"]["hint"]


@pytest.mark.parametrize(
    ("variables", "is_durable"),
    [
        ({}, True),
        ({"render": "true"}, False),
        ({"render": ""}, True),
        ({"render": "true", "database_url": "sqlite:////var/data/jobs.db"}, True),
        ({"render": "true", "database_url": "postgres://user@host/jobs"}, True),
        ({"render": "true", "database_url": "sqlite:///.data/jobs.db"}, False),
    ],
)
def test_what_is_known_of_each_place(variables, is_durable):
    assert (loss_hint(Settings(**variables)) is None) is is_durable


def test_a_disk_of_its_own_is_durable(monkeypatch):
    monkeypatch.setattr(Path, "is_mount", lambda path: path == durability.DEFAULT_FILE.parent.resolve())
    assert loss_hint(Settings(render="true")) is None


def test_the_log_says_once_at_start_that_jobs_would_be_lost():
    with api(DATABASE_URL="", RENDER="true") as server:
        wait_until(lambda: "Booting worker" in server.log(), "the start", 20)
        assert server.log().count("Set DATABASE_URL to a PostgreSQL") == 1
