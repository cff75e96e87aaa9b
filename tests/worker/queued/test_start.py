"""How a Celery worker starts, and what it refuses by a sentence."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import redis

from render_worker.contract import WORKERS, ErrorLine, ResultLine, report_key
from render_worker.queued.celery_worker import broker_address, redis_address, require_storage
from render_worker.settings import Settings, load
from tests.fakes.celery_worker import NO_SERVICE, CeleryWorker
from tests.fakes.processes import FOREIGN, ROOT, clean_environment, free_port, wait_until
from tests.fakes.redis_server import RedisServer
from tests.worker.queued.conftest import Queue

PASSWORD = "correct horse"
QUOTED = "correct%20horse"
REDIS = "redis://127.0.0.1:9/0"


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch):
    """Return a function that returns settings of an environment."""
    for name in FOREIGN & set(os.environ):
        monkeypatch.delenv(name)

    def read(**environment: str) -> Settings:
        for name, value in {**NO_SERVICE, **environment}.items():
            monkeypatch.setenv(name, value)
        return load()

    return read


@pytest.mark.parametrize(
    ("environment", "addresses"),
    [
        ({"REDIS_URL": REDIS}, (REDIS, REDIS)),
        ({"CELERY_BROKER_URL": REDIS}, (REDIS, REDIS)),
        ({"REDIS_URL": REDIS, "CELERY_BROKER_URL": "amqp://h"}, (REDIS, "amqp://h")),
        ({"REDIS_URL": REDIS, "CELERY_BROKER_URL": "redis://h/1"}, (REDIS, "redis://h/1")),
        ({"REDIS_URL": "unix:///r?db=1"}, ("unix:///r?db=1", "unix:///r?db=1")),
    ],
)
def test_the_broker_is_the_redis_unless_it_is_another(settings, environment, addresses):
    read = settings(**environment)
    assert (redis_address(read), broker_address(read)) == addresses


@pytest.mark.parametrize("environment", [{}, {"CELERY_BROKER_URL": "amqp://h"}], ids=["nothing", "amqp alone"])
def test_a_redis_is_needed(settings, environment):
    with pytest.raises(SystemExit, match=r"^REDIS_URL has to be set: [^\n]*\.$"):
        redis_address(settings(**environment))


@pytest.mark.parametrize("name", ["REDIS_URL", "CELERY_BROKER_URL"])
def test_an_option_that_a_client_of_redis_lacks_is_refused_without_showing_it(settings, name):
    with pytest.raises(SystemExit, match=r"^REDIS_URL cannot be used: [^\n]*\.$") as refusal:
        redis_address(settings(**{name: f"redis://:{QUOTED}@h:6379/0?horse=1"}))
    assert PASSWORD not in str(refusal.value)
    assert "horse" not in str(refusal.value)


@pytest.mark.parametrize("name", ["REDIS_URL", "CELERY_BROKER_URL"])
@pytest.mark.parametrize(
    "address",
    [
        "http://h",
        "h:6379",
        f"redis://:{PASSWORD}/@h:6379/0",
        "redis://:correct/horse@h:6379/0",
        "redis://:correct#horse@h:6379/0",
        "redis://:1/correct horse@h:6379/0",
        "redis://:correct@h:horse/0",
        "redis://:correct@[h/0",
        "redis://h/horse",
    ],
)
def test_an_address_that_cannot_be_used_is_refused_without_showing_it(settings, name, address):
    with pytest.raises(SystemExit, match=f"^{name} cannot be used: it must be an address like ") as refusal:
        settings(**{name: address})
    assert "correct" not in str(refusal.value)
    assert "horse" not in str(refusal.value)


@pytest.mark.parametrize(
    "environment",
    [{}, {"STORAGE": "local"}, {"STORAGE": "imgur,local", "IMGUR_CLIENT_ID": "a"}],
    ids=["nothing", "local", "also local"],
)
def test_a_folder_that_nothing_serves_is_refused(settings, environment):
    with pytest.raises(SystemExit, match=r"^STORAGE=local cannot be used.*LOCAL_STORAGE_SHARED=true"):
        require_storage(settings(**environment))
    require_storage(settings(**environment, LOCAL_STORAGE_SHARED="true"))


@pytest.mark.parametrize(
    "environment", [{"IMGUR_CLIENT_ID": "a"}, {"STORAGE": "s3"}, {"STORAGE": "gcs,imgur"}], ids=lambda it: str(it)
)
def test_other_storages_need_no_folder(settings, environment):
    require_storage(settings(**environment))


@pytest.mark.parametrize(
    ("app", "arguments", "environment", "sentence"),
    [
        ("celery_app", ("--loglevel=info",), {}, "REDIS_URL has to be set"),
        ("render_worker.tasks", (), {"REDIS_URL": REDIS}, "STORAGE=local cannot be used"),
        ("celery_app:celery_app", ("-P", "solo"), {"REDIS_URL": REDIS}, "Only -P threads can be used"),
    ],
)
def test_the_process_ends_with_a_sentence(app, arguments, environment, sentence):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "celery", "-A", app, "worker", *arguments],
        cwd=ROOT,
        env=clean_environment(**{**NO_SERVICE, **environment}),
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode
    assert done.stderr.startswith(sentence)
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.fixture
def guarded(tmp_path: Path):
    """Return a Redis with a password, which does not run, at a port and at a Unix socket, and how it is started."""
    server, socket = RedisServer(), tmp_path / "redis.sock"
    options = ["--port", server.port, "--requirepass", PASSWORD, "--save", "", "--unixsocket", socket]
    server.url = f"redis://:{QUOTED}@127.0.0.1:{server.port}/0"
    server.client = redis.Redis.from_url(server.url)
    started = []

    def start():
        started.append(subprocess.Popen(["redis-server", *map(str, options)], stdout=subprocess.DEVNULL))
        wait_until(socket.exists, "redis-server")

    yield server, start
    for process in started:
        process.kill()
        process.wait()


def check_two_pictures(server: RedisServer, worker: CeleryWorker) -> None:
    """Have a Celery worker make pictures before and after its connections are cut, and find no password in its log."""
    queue = Queue(server)
    assert isinstance(queue.ended(queue.send_to("sketch")), ResultLine)
    server.client.client_kill_filter(_type="normal", skipme=True)
    assert isinstance(queue.ended(queue.send_to("sketch")), ResultLine)
    worker.stop()
    assert "Connected to redis" in worker.log()
    assert PASSWORD not in worker.log()
    assert QUOTED not in worker.log()


@pytest.mark.parametrize("name", ["REDIS_URL", "CELERY_BROKER_URL"])
def test_it_takes_messages_of_a_redis_at_a_socket_with_a_password_and_logs_it_nowhere(guarded, tmp_path, name):
    server, start = guarded
    start()
    address = {name: f"unix://{tmp_path}/redis.sock?db=0&password={QUOTED}"}  # Celery itself reads the second name
    with CeleryWorker("", LOG_LEVEL="DEBUG", **address) as worker:
        check_two_pictures(server, worker)


def test_it_waits_for_a_redis_that_comes_later_and_takes_its_report_back_at_the_end(guarded):
    server, start = guarded
    worker = CeleryWorker(server.url, "-c", "3", "-Q", "auto,sketch", LOG_LEVEL="DEBUG")
    worker.start()
    try:
        wait_until(lambda: "Cannot connect to redis://" in worker.log(), "an attempt to connect")
        start()
        worker.wait_ready()
        wait_until(lambda: server.client.zscore(WORKERS, worker.name), "a report")
        report = server.client.get(report_key(worker.name)).decode()
        assert '"queues":["auto","sketch"],"concurrency":3,"running":0' in report
        check_two_pictures(server, worker)
        assert (server.client.exists(report_key(worker.name)), server.client.zcard(WORKERS)) == (0, 0)
    finally:
        worker.kill()


def test_without_a_served_folder_no_picture_is_kept_in_it(redis_server):
    queue, nowhere = Queue(redis_server), f"http://127.0.0.1:{free_port()}"
    imgur = {"STORAGE": "imgur", "IMGUR_CLIENT_ID": "a", "IMGUR_API_URL": nowhere, "LOCAL_STORAGE_SHARED": "false"}
    with CeleryWorker(redis_server.url, **imgur) as worker:
        line = queue.ended(queue.send_to("sketch"))
    assert isinstance(line, ErrorLine)
    assert line.error.code.startswith("storage")
    assert not worker.folder.exists()
