"""What the worker loads before it serves, and what it answers meanwhile."""

import json
import subprocess
import sys
import threading
from typing import Any

import pytest

from render_worker.serving.error_responses import REFUSAL
from render_worker.serving.refusals import INTERNAL_ERROR
from render_worker.starting import LoadingApplication, stopping_application
from tests.fakes.processes import ROOT, clean_environment, wait_until

BEFORE_THE_FORK = """
import runpy
runpy.run_path("render_worker/gunicorn.conf.py")
"""
BEFORE_THE_FIRST_PICTURE = """
from render_worker.settings import load
from render_worker.worker import create_app
create_app(load())
"""
WHILE_THE_SERVICE_PAINTS = """
import asyncio, sys
from render_worker.generation.first_picture import load_imaging_meanwhile

async def wait():
    load_imaging_meanwhile()
    while not hasattr(sys.modules.get("render_worker.imaging"), "make_picture"):
        await asyncio.sleep(0.01)

asyncio.run(asyncio.wait_for(wait(), 60))
"""
HEADERS = (("X-Service", "a worker"),)


def loaded_by(program: str) -> set[str]:
    """Return the modules that a program has loaded at its end, with the default settings."""
    program += "\nimport json, sys\njson.dump(sorted(sys.modules), sys.stdout)"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=clean_environment(), capture_output=True, check=True
    )
    return set(json.loads(done.stdout))


@pytest.fixture(scope="module", params=[BEFORE_THE_FORK, BEFORE_THE_FIRST_PICTURE], ids=["fork", "picture"])
def modules(request):
    return loaded_by(request.param)


@pytest.mark.parametrize("library", ["PIL", "fast_blurhash", "httpx", "playwright", "perchance", "redis", "celery"])
def test_a_start_does_not_load(library, modules):
    assert "pydantic" in modules
    assert library not in modules


@pytest.mark.parametrize("library", ["flask", "werkzeug", "jinja2", "prometheus_client", "sqlite3"])
def test_the_fork_does_not_wait_for(library):
    assert library not in loaded_by(BEFORE_THE_FORK)


def test_pillow_is_loaded_while_the_first_picture_is_painted():
    assert "PIL.Image" in loaded_by(WHILE_THE_SERVICE_PAINTS)


class Client:
    """A thread that asks an application for something."""

    def __init__(self, application: Any, path: str, **environ: Any) -> None:
        self.status = ""
        self.body = b""
        self.headers: dict[str, str] = {}
        self._asked = (application, {"PATH_INFO": path, "REQUEST_METHOD": "GET", **environ})
        self.thread = threading.Thread(target=self._ask)
        self.thread.start()

    def _ask(self) -> None:
        application, environ = self._asked
        self.body = b"".join(application(environ, self._begin))

    def _begin(self, status: str, headers: list[tuple[str, str]]) -> None:
        self.status, self.headers = status, dict(headers)

    def answered(self) -> "Client":
        wait_until(lambda: not self.thread.is_alive(), "an answer")
        return self


@pytest.fixture
def starting():
    application = LoadingApplication(lambda: '{"status":"starting"}', HEADERS, room=8)
    yield application
    application.become(stopping_application)


def painted(environ, start_response):
    """Answer as the application that has been loaded."""
    start_response("201 Created", [])
    return [environ["PATH_INFO"].encode()]


def test_health_is_answered_before_the_application_is_there(starting):
    health = Client(starting, "/health").answered()
    assert (health.status, json.loads(health.body)) == ("200 OK", {"status": "starting"})
    assert health.headers.items() >= {*HEADERS, ("Cache-Control", "no-store")}


def test_other_requests_wait_for_it(starting):
    client = Client(starting, "/models")
    assert client.thread.is_alive()
    starting.become(painted)
    assert (client.answered().status, client.body) == ("201 Created", b"/models")


def test_what_would_take_the_last_threads_is_refused():
    full = LoadingApplication(lambda: '{"status":"starting"}', HEADERS, room=2)
    clients = [Client(full, "/generate") for _ in range(3)]
    wait_until(lambda: any(not client.thread.is_alive() for client in clients), "a refusal")
    refused = next(client for client in clients if not client.thread.is_alive())
    assert refused.status == "503 Service Unavailable"
    assert json.loads(refused.body)["code"] == "worker_busy"
    assert refused.headers["Retry-After"] == str(json.loads(refused.body)["retry_after"])
    assert Client(full, "/health").answered().status == "200 OK"
    full.become(painted)
    assert [client.answered().status for client in clients if client is not refused] == ["201 Created"] * 2


def test_what_is_no_http_is_refused_at_once(starting):
    refused = Client(starting, "/", **{REFUSAL: INTERNAL_ERROR}).answered()
    assert refused.status.startswith(str(INTERNAL_ERROR.status))
    assert json.loads(refused.body)["code"] == INTERNAL_ERROR.code


def test_those_that_wait_are_refused_if_there_will_be_none(starting):
    client = Client(starting, "/generate")
    starting.become(stopping_application)
    assert client.answered().status.startswith("503")
    assert json.loads(client.body)["code"] == "worker_unavailable"
