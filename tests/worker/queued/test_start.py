"""How a Celery worker starts, and what it refuses by a sentence."""

import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from render_worker.contract import WORKERS, ResultLine, report_key
from tests.fakes.celery_worker import NO_SERVICE, CeleryWorker
from tests.fakes.processes import ROOT, clean_environment, free_port, wait_until
from tests.fakes.redis_server import RedisServer
from tests.worker.queued.conftest import Queue

PASSWORD = "correct-horse"
SHARED = {"LOCAL_STORAGE_SHARED": "true"}
NOWHERE = {"REDIS_URL": "redis://127.0.0.1:9/0"}
REFUSED_FOLDER = "STORAGE=local cannot be used by a Celery worker"


def refusal(*arguments: str, app: str = "render_worker.tasks", **environment: object) -> str:
    """Return what a Celery worker that does not start prints, without Celery's warning of root."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "celery", "-A", app, "worker", *arguments],
        cwd=ROOT,
        env=clean_environment(**{**NO_SERVICE, **environment}),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode, done.stdout
    return done.stderr.strip()


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({}, "REDIS_URL has to be set"),
        ({"CELERY_BROKER_URL": "amqp://127.0.0.1"}, "REDIS_URL has to be set"),
        ({"REDIS_URL": "http://127.0.0.1"}, "REDIS_URL cannot be used: it must be an address like redis://"),
        ({"REDIS_URL": "redis://h:1/x y"}, "REDIS_URL cannot be used: it must be an address like redis://"),
        ({"CELERY_BROKER_URL": "sqs://"}, "CELERY_BROKER_URL cannot be used: it must be an address like redis://"),
        ({**NOWHERE, "CELERY_BROKER_URL": f"redis://:{PASSWORD}@h:port/"}, "CELERY_BROKER_URL cannot be used"),
        ({**NOWHERE, "ENGINES": "nosuch"}, "ENGINES cannot be used"),
        (NOWHERE, REFUSED_FOLDER),
        ({**NOWHERE, "STORAGE": "local"}, REFUSED_FOLDER),
        ({**NOWHERE, "STORAGE": "imgur,local", "IMGUR_CLIENT_ID": "a"}, REFUSED_FOLDER),
        ({**NOWHERE, "LOCAL_STORAGE_SHARED": "perhaps"}, "LOCAL_STORAGE_SHARED cannot be used"),
    ],
    ids=lambda it: it[:40] if isinstance(it, str) else ",".join(it) or "nothing",
)
def test_what_cannot_be_used_is_refused_by_a_sentence(environment, sentence):
    printed = refusal(**environment)
    assert printed.startswith(sentence)
    assert len(printed.splitlines()) == 1
    assert PASSWORD not in printed


@pytest.mark.parametrize("pool", ["solo", "processes"])
def test_another_pool_than_threads_is_refused(pool):
    assert refusal("-P", pool, **NOWHERE, **SHARED).startswith("Only -P threads can be used")


@pytest.mark.parametrize("app", ["celery_app", "celery_app:celery_app", "render_worker.tasks:celery"])
def test_other_names_of_the_app_work_too(app):
    assert refusal(app=app, **NOWHERE).startswith(REFUSED_FOLDER)


@pytest.fixture
def guarded(tmp_path: Path):
    """Return a Redis with a password, at a port and at a Unix socket."""
    server = RedisServer()
    process = subprocess.Popen(
        [
            "redis-server",
            "--port",
            str(server.port),
            "--requirepass",
            PASSWORD,
            "--save",
            "",
            "--unixsocket",
            str(tmp_path / "redis.sock"),
        ],
        stdout=subprocess.DEVNULL,
    )
    server.url = f"redis://:{PASSWORD}@127.0.0.1:{server.port}/0"
    server.client = type(server.client).from_url(server.url)
    wait_until((tmp_path / "redis.sock").exists, "redis-server")
    yield server
    process.kill()
    process.wait()


@pytest.mark.parametrize("by", ["port", "socket"])
def test_it_takes_messages_of_a_redis_with_a_password_and_logs_it_nowhere(guarded, tmp_path, by):
    url = guarded.url if by == "port" else f"unix://{tmp_path}/redis.sock?db=0&password={PASSWORD}"
    queue = Queue(guarded)
    with CeleryWorker(url, LOG_LEVEL="DEBUG") as worker:
        request = uuid.uuid4().hex
        queue.send_text(queue.message(request, model="sketch"), queue="sketch")
        assert isinstance(queue.ended(request), ResultLine)
        guarded.client.client_kill_filter(_type="normal", skipme=True)
        wait_until(lambda: "Connection to broker lost" in worker.log(), "the loss of the broker")
    assert PASSWORD not in worker.printed


def test_it_waits_for_a_redis_that_comes_later_and_takes_its_report_back_at_the_end(tmp_path):
    server = RedisServer()
    worker = CeleryWorker(server.url, "-c", "3", "-Q", "auto,sketch", "-n", "late@here")
    worker.name = "late@here"
    worker.start()
    try:
        wait_until(lambda: "Cannot connect to redis://" in worker.log(), "an attempt to connect", seconds=30)
        with server:
            worker.wait_ready()
            wait_until(lambda: server.client.zscore(WORKERS, worker.name), "a report")
            report = server.client.get(report_key(worker.name)).decode()
            assert '"queues":["auto","sketch"],"concurrency":3,"running":0' in report
            worker.stop()
            assert (server.client.exists(report_key(worker.name)), server.client.zcard(WORKERS)) == (0, 0)
    finally:
        worker.kill()


def test_without_a_served_folder_the_storages_that_are_named_have_no_other_fallback(redis_server):
    named = {"STORAGE": "imgur", "IMGUR_CLIENT_ID": "a", "IMGUR_ENDPOINT": f"http://127.0.0.1:{free_port()}"}
    queue = Queue(redis_server)
    with CeleryWorker(redis_server.url, **{**named, "LOCAL_STORAGE_SHARED": "false"}):
        request = uuid.uuid4().hex
        queue.send_text(queue.message(request, model="sketch"), queue="sketch")
        line = queue.ended(request)
    assert not isinstance(line, ResultLine)
    assert "local" not in line.error.error
