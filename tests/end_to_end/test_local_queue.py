"""`DISPATCH=celery make run`: both tiers with a queue between them, and what it needs started as well."""

import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import requests

from tests.end_to_end.test_local_run import LocalRun
from tests.fakes.processes import (
    PATIENCE_SECONDS,
    ROOT,
    clean_environment,
    command_of,
    four_free_ports,
    left_of,
    wait_until,
)
from tests.fakes.redis_server import RedisServer


@pytest.fixture
def start(tmp_path):
    """Yield a function that starts a local run with a queue, and returns it when it has printed its commands."""
    runs = []

    def started(**environment: object) -> LocalRun:
        own = {"LOCAL_STORAGE_DIR": tmp_path / "images", "DATABASE_URL": f"sqlite:///{tmp_path}/jobs.db"}
        run = LocalRun(tmp_path / "log", DISPATCH="celery", PORT=four_free_ports(), **own, **environment)
        runs.append(run)
        wait_until(lambda: run.printed().count("\ncurl ") == 2 or run.process.poll() is not None, "the two commands")
        assert run.process.poll() is None, run.printed()
        return run

    yield started
    for run in runs:
        run.process.terminate()
        run.process.wait(PATIENCE_SECONDS)


def programs(run: LocalRun) -> dict[str, psutil.Process]:
    """Return the processes of a run by a word of their command."""
    children = psutil.Process(run.process.pid).children()
    words = ("redis-server", "celery", "render_worker/gunicorn.conf.py", "app:app")
    return {word: child for word in words for child in children if word in command_of(child)}


def makes_pictures(run: LocalRun) -> None:
    """Have a picture and a job made, and fetch both."""
    address = f"http://localhost:{run.port}"
    picture = requests.get(f"{address}/generate", {"prompt": "a boat"}, timeout=60).json()
    assert (picture["engine"], picture["simulated"]) == ("perchance", True)
    job = requests.post(f"{address}/api/v1/generate", json={"prompt": "a red boat"}, timeout=60).json()
    status = f"{address}/api/v1/status/{job['job_id']}"
    wait_until(lambda: requests.get(status, timeout=5).json()["status"] == "completed", "the job")
    of_job = requests.get(status, timeout=5).json()["images"][0]
    for made in (picture, of_job):  # the Celery worker wrote the file, and the render worker serves it
        assert requests.get(made["image_url"], timeout=5).content[:4] == b"\x89PNG"
    assert [it["concurrency"] for it in requests.get(f"{address}/api/v1/health", timeout=5).json()["celery_workers"]]


def test_a_redis_and_a_celery_worker_are_started_which_may_be_killed_and_nothing_is_left(start):
    run = start()
    assert programs(run).keys() == {"redis-server", "celery", "render_worker/gunicorn.conf.py", "app:app"}
    killed = programs(run)["celery"]
    killed.kill()
    wait_until(lambda: programs(run).get("celery") not in (None, killed), "another Celery worker")
    makes_pictures(run)
    socket = Path(command_of(programs(run)["redis-server"]).split("unixsocket:")[1].split()[0])
    assert socket.parent.stat().st_mode & 0o77 == 0  # no process of another user reaches it, and no page of a browser
    everything = psutil.Process(run.process.pid).children(recursive=True)
    run.process.send_signal(signal.SIGINT)
    assert run.process.wait(PATIENCE_SECONDS) == 0
    assert left_of(everything) == []
    assert not socket.parent.exists()
    assert "Traceback" not in run.printed()  # Redis is stopped last


def test_a_redis_of_the_user_s_is_used_and_its_password_shown_nowhere(start):
    with RedisServer() as redis:
        redis.client.config_set("requirepass", "5ecre7")
        run = start(REDIS_URL=redis.url.replace("//", "//:5ecre7@"))
        assert programs(run).keys() == {"celery", "render_worker/gunicorn.conf.py", "app:app"}
        makes_pictures(run)
        everything = psutil.Process(run.process.pid).children(recursive=True)
        assert not [process for process in everything if "5ecre7" in command_of(process)]
        run.process.terminate()
        run.process.wait(PATIENCE_SECONDS)
        assert "5ecre7" not in run.printed()


def test_when_the_celery_worker_ends_and_was_not_killed_all_do_and_it_is_reported(start):
    run = start()
    everything = psutil.Process(run.process.pid).children(recursive=True)
    programs(run)["celery"].terminate()
    assert run.process.wait(PATIENCE_SECONDS) == 1
    assert "The Celery worker has ended" in run.printed()
    wait_until(lambda: left_of(everything) == [], "the end of everything")


def test_without_redis_it_says_what_to_install_or_set(tmp_path):
    environment = clean_environment(DISPATCH="celery", SANDBOX="always", PORT=four_free_ports(), PATH=tmp_path)
    command = [sys.executable, "-m", "local"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr.startswith("DISPATCH=celery needs a Redis, and redis-server is not installed: install it")
    assert done.stderr.strip().endswith("or set REDIS_URL to a Redis that runs.")
