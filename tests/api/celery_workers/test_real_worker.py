"""A real Celery worker, as clients and Flower see it; and a gunicorn whose Redis hangs."""

import html
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from image_api.dispatch.queued.broker import Broker
from render_worker.contract import GenerateRequest, QueuedRequest, queue_key, report_key
from tests.api.celery_workers.conftest import OPERATOR
from tests.api.test_picture_pages import JSON
from tests.fakes.celery_worker import CeleryWorker
from tests.fakes.processes import api, clean_environment, free_port, wait_until
from tests.fakes.redis_server import RedisServer

HEALTH = "/api/v1/health"
PROMPT = "a prompt of one client's"
QUICK_SECONDS = 1.0


@pytest.fixture(scope="module")
def celery_worker(server):
    """A Celery worker that sends events, as Flower needs them."""
    with CeleryWorker(server.url, "-E", "-c", "1") as running:
        yield running


@pytest.fixture
def client(queued, celery_worker, server):
    """Return a client; what the Celery worker has reported before may have been flushed."""
    wait_until(lambda: server.client.exists(report_key(celery_worker.name)), "a report", 20)
    return queued()


@pytest.fixture
def flower(server, tmp_path):
    """Flower's address, as docs have it started."""
    port = free_port()
    command = [sys.executable, "-m", "celery", "flower", "--address=127.0.0.1", f"--port={port}"]
    secrets = {"CELERY_BROKER_URL": server.url, "FLOWER_BASIC_AUTH": "operator:a-secret"}
    with (tmp_path / "flower.log").open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=tmp_path,
            env=clean_environment(**secrets),
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        yield f"http://operator:a-secret@127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


def ask(server, *request_ids: str) -> None:
    """Have the Celery worker make pictures."""
    broker = Broker(server.url)
    for request_id in request_ids:
        request = GenerateRequest(prompt=PROMPT, model="sketch", request_id=request_id, timeout_seconds=30)
        broker.send(QueuedRequest(request=request, attempt=1), "sketch")


def is_final(server, request_id: str) -> bool:
    return bool(server.client.exists(queue_key(request_id, "final")))


def answers(address: str) -> bool:
    try:
        return requests.get(address, timeout=5).ok
    except requests.ConnectionError:
        return False


class TestOneThatRuns:
    def test_it_is_told_as_it_reports_itself(self, client, celery_worker):
        found = client.get(HEALTH, headers=OPERATOR).json
        (worker,) = found["celery_workers"]
        assert (worker["name"], worker["concurrency"]) == (celery_worker.name, 1)
        assert {"auto", "sketch"} <= set(worker["queues"])
        assert worker["engines"]["sketch"] == "ready"
        assert {it["name"]: it["workers"] for it in found["queues"]}["sketch"] == 1
        assert "sketch" in [it["name"] for it in client.get("/models").json["models"]]
        assert "sketch" in [it["name"] for it in client.get("/status", headers=JSON).json["engines"]]

    def test_what_waits_for_it_is_counted(self, client, server, celery_worker):
        celery_worker.process.send_signal(signal.SIGSTOP)
        try:
            ask(server, *(f"waits-{number}" for number in range(4)))
            found = {it["name"]: it["length"] for it in client.get(HEALTH).json["queues"]}
            assert found["sketch"] in (3, 4)  # it may have asked for one before it was stopped
        finally:
            celery_worker.process.send_signal(signal.SIGCONT)
        wait_until(lambda: is_final(server, "waits-3"), "the pictures", 60)
        wait_until(lambda: not any(it["length"] for it in client.get(HEALTH).json["queues"]), "empty queues", 10)


class TestFlower:
    def test_it_sees_the_worker_and_its_tasks_but_no_prompt(self, client, server, celery_worker, flower):
        wait_until(lambda: answers(flower), "Flower", 60)
        wait_until(lambda: celery_worker.name in requests.get(f"{flower}/workers?json=1", timeout=5).text, "it", 20)
        ask(server, "seen")
        wait_until(lambda: is_final(server, "seen"), "the picture", 60)
        wait_until(lambda: "SUCCESS" in requests.get(f"{flower}/task/seen-1", timeout=5).text, "the event of it", 20)
        pages = ("/task/seen-1", "/tasks", "/api/tasks", f"/worker/{celery_worker.name}")
        for path in pages:
            found = requests.get(flower + path, timeout=20)
            assert (found.status_code, PROMPT in html.unescape(found.text)) == (200, False), path
        assert "seen-1" in requests.get(f"{flower}/api/tasks", timeout=5).text
        nowhere = flower.replace("operator:a-secret@", "")
        assert requests.get(f"{nowhere}/workers", timeout=5).status_code == 401


class TestOneThatEnds:
    def test_killed_it_is_down_and_up_again_once_it_is_back(self, queued):
        with RedisServer() as server, CeleryWorker(server.url) as worker:
            client = queued(redis_url=server.url)
            wait_until(lambda: client.get("/ready").status_code == 200, "its report", 20)
            worker.kill()
            server.client.pexpire(report_key(worker.name), 1)  # as it does by itself after some seconds
            wait_until(lambda: client.get("/ready").status_code == 503, "the news of it", 10)
            found = client.get(HEALTH).json
            assert (found["status"], found["celery_workers"][0]["status"]) == ("degraded", "down")
            worker.start()
            worker.wait_ready()
            wait_until(lambda: client.get(HEALTH).json["celery_workers"][0]["status"] != "down", "its return", 20)
            worker.stop()
            wait_until(lambda: client.get(HEALTH).json["celery_workers"] == [], "its leave", 10)


def test_while_redis_hangs_all_else_goes_on_under_gevent():
    """Of a Redis that takes connections and says nothing, each check waits in a greenlet of its own."""
    with socket.create_server(("127.0.0.1", 0), backlog=200) as silent:
        url = f"redis://:a-password@127.0.0.1:{silent.getsockname()[1]}/0"
        with api(DISPATCH="celery", REDIS_URL=url) as server, ThreadPoolExecutor(10) as threads:
            slow = [threads.submit(timed, f"{server.url}{path}") for path in (HEALTH, "/ready", "/models", "/status")]
            took = [timed(f"{server.url}/health")[1] for _ in range(20)]
            found = [each.result() for each in slow]
            assert [status for status, _ in found] == [200, 503, 503, 200]
            assert sorted(took)[-2] < QUICK_SECONDS
            assert max(seconds for _, seconds in found) < 6
            assert "a-password" not in server.log()


def timed(address: str) -> tuple[int, float]:
    """Return the status of a response, and how long it took."""
    begun = time.monotonic()
    status = requests.get(address, timeout=30).status_code
    return status, time.monotonic() - begun
