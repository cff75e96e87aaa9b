"""What is answered while the application loads: the platform's health check at once, all else as soon as it can be."""

import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from image_api.starting import STARTING
from image_api.web.schemas.health import StartingHealth
from tests.api.conftest import RESULT
from tests.fakes.processes import Server, wait_until

GRACE_SECONDS = 5
ELSEWHERE = {"Origin": "https://elsewhere.example"}


class Gate:
    """What keeps a server from loading its application."""

    def __init__(self, file):
        self._file = file

    def open(self, how: str = "") -> None:
        part = self._file.with_suffix(".part")
        part.write_text(how)
        part.rename(self._file)


@pytest.fixture
def gate(tmp_path):
    return Gate(tmp_path / "gate")


@pytest.fixture
def server(tmp_path, worker, gate):
    started = Server(
        "tests.fakes.gated_app:app",
        GATE=tmp_path / "gate",
        PERCHANCE_WORKER_URL=worker.url,
        GRACEFUL_TIMEOUT_SECONDS=GRACE_SECONDS,
    )
    started.start()
    try:
        wait_until(lambda: health(started) is not None, "its listener", 30)
        yield started
    finally:
        gate.open()
        started.stop()


@pytest.fixture
def pool():
    with ThreadPoolExecutor(10) as threads:
        yield threads


def health(server) -> requests.Response | None:
    try:
        return requests.get(f"{server.url}/health", timeout=10)
    except requests.ConnectionError:
        return None


def in_flight(server, pool, method: str, path: str, **options):
    """Send a request, and return its future once the server has read all that was sent."""
    future = pool.submit(requests.request, method, server.url + path, timeout=60, **options)
    health(server)  # on a later connection
    return future


def test_health_says_that_it_starts(server, gate):
    found = health(server)
    assert (found.status_code, found.json(), found.headers["Cache-Control"]) == (200, STARTING, "no-store")
    assert StartingHealth.model_validate(found.json()).model_dump() == STARTING
    gate.open()
    wait_until(lambda: health(server).json()["status"] == "healthy", "the application", 30)


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GET", "/generate?prompt=a", {}),
        ("POST", "/generate", {}),
        ("GET", "/v1/health", {}),
        ("GET", "/ready", {}),
        ("HEAD", "/health", {}),
        ("GET", "/health", ELSEWHERE),  # a page of another site needs the headers of CORS to read it
        ("GET", "/nothing", {}),
    ],
)
def test_every_other_request_waits_for_the_application(server, gate, pool, method, path, headers):
    waiting = in_flight(server, pool, method, path, headers=headers, json={"prompt": "a"} if method == "POST" else None)
    assert not waiting.done()
    gate.open()
    found = waiting.result()
    assert found.headers["X-Request-ID"]  # which the application gives to every response
    assert found.status_code == (404 if path == "/nothing" else 503 if path == "/ready" else 200)


def test_many_may_wait(server, gate, pool):
    waiting = [in_flight(server, pool, "GET", f"/generate?prompt={number}") for number in range(10)]
    assert not any(each.done() for each in waiting)
    gate.open()
    assert {each.result().status_code for each in waiting} == {200}


@pytest.mark.parametrize(
    "request_text", [b"\x16\x03\x01 no HTTP\r\n\r\n", b"GET /health HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"]
)
def test_what_is_no_http_is_refused_by_the_application(server, gate, request_text):
    with socket.create_connection(("127.0.0.1", server.port), 30) as sock:
        sock.sendall(request_text)
        health(server)
        gate.open()
        assert sock.makefile("rb").read().startswith(b"HTTP/1.1 400 ")


def test_a_request_of_before_is_drained_when_it_is_stopped(server, gate, pool, worker):
    asked, release = threading.Event(), threading.Event()

    def wait() -> None:
        asked.set()
        release.wait(30)

    worker.say(200, RESULT, before=wait)
    waiting = in_flight(server, pool, "GET", "/generate?prompt=a")
    gate.open()
    assert asked.wait(30)
    server.process.terminate()
    wait_until(lambda: health(server) is None, "an end of new connections", 30)
    release.set()
    assert waiting.result().status_code == 200
    assert server.process.wait(30) == 0


def test_an_application_that_cannot_be_loaded_ends_the_service(server, gate):
    gate.open("fail")
    assert server.process.wait(30) == 3
    assert "it cannot be loaded" in server.log()
    assert "Worker failed to boot" in server.log()


def test_a_stop_while_it_starts_is_obeyed(server, gate):
    server.process.terminate()
    gate.open()
    assert server.process.wait(30) == 0


def test_what_waits_longer_than_the_grace_period_is_refused_after_a_stop_while_it_starts(server, gate, pool, worker):
    release = threading.Event()
    worker.say(200, RESULT, before=lambda: release.wait(60))
    waiting = in_flight(server, pool, "GET", "/generate?prompt=a")
    server.process.terminate()
    wait_until(lambda: "Handling signal: term" in server.log(), "the signal", 30)
    gate.open()
    found = waiting.result()
    release.set()
    assert (found.status_code, found.json()["code"]) == (503, "service_stopping")
    assert server.process.wait(30) == 0
