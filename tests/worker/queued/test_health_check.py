"""`python -m render_worker.queued.health_check`, the health check of a Celery worker, beside a real Redis."""

import signal
import socket
import subprocess
import sys

import pytest

from render_worker.contract import report_key
from tests.fakes.processes import ROOT, clean_environment, free_port
from tests.fakes.redis_server import RedisServer

OWN = f"celery@{socket.gethostname()}"
PASSWORD = "5ecre7"


@pytest.fixture(scope="module")
def redis():
    with RedisServer() as server:
        yield server


def check(url: str | None, *arguments: str, **environment: str) -> tuple[int, str]:
    """Return the exit status of the check, and what it prints."""
    command = [sys.executable, "-m", "render_worker.queued.health_check", *arguments]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=clean_environment(REDIS_URL=url or "", **environment),
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.stdout == ""
    return done.returncode, done.stderr.strip()


@pytest.mark.parametrize(("arguments", "name"), [((), OWN), (("two@box",), "two@box")])
def test_a_celery_worker_is_healthy_while_its_report_is_there(redis, arguments, name):
    silent = (1, f"{name} has not reported itself for 15 seconds")
    redis.client.flushall()
    redis.client.set(report_key("another@box"), "{}")
    assert check(redis.url, *arguments) == silent
    redis.client.set(report_key(name), "{}", px=60_000)
    assert check(redis.url, *arguments) == (0, "")
    redis.client.delete(report_key(name))
    assert check(redis.url, *arguments) == silent


def test_a_broker_that_is_the_only_redis_is_asked(redis):
    redis.client.set(report_key(OWN), "{}")
    assert check(None, CELERY_BROKER_URL=redis.url) == (0, "")
    assert check(redis.url, CELERY_BROKER_URL="amqp://guest@127.0.0.1") == (0, "")
    assert check(None, CELERY_BROKER_URL="amqp://guest@127.0.0.1") == (1, "REDIS_URL is not set")


def test_it_says_what_is_missing_and_never_the_password():
    assert check(None) == (1, "REDIS_URL is not set")
    status, sentence = check(f"redis://:{PASSWORD}@127.0.0.1:{free_port()}/0")
    assert (status, sentence) == (1, "Redis did not answer (ConnectionError)")


def test_a_redis_that_hangs_or_wants_a_password_fails_it_within_the_check_s_time(redis):
    redis.client.set(report_key(OWN), "{}")
    redis.client.config_set("requirepass", PASSWORD)
    try:
        assert check(redis.url) == (1, "Redis did not answer (AuthenticationError)")
        assert check(redis.url.replace("//", f"//:{PASSWORD}@")) == (0, "")
    finally:
        redis.client.execute_command("AUTH", PASSWORD)
        redis.client.config_set("requirepass", "")
    redis._process.send_signal(signal.SIGSTOP)
    try:
        assert check(redis.url) == (1, "Redis did not answer (TimeoutError)")
    finally:
        redis._process.send_signal(signal.SIGCONT)
