"""Limits of idle connections: when there are too many, the longest idle are evicted first."""

import contextlib
import socket
import time
from multiprocessing.connection import wait

import pytest
import requests

from tests.fakes.processes import api, wait_until, worker

MOST = 80
HEAD = b"GET /health HTTP/1.1\r\nHost: x\r\n"


@pytest.fixture(params=["api", "worker"])
def server(request, tmp_path):
    few = {"GUNICORN_CMD_ARGS": f"--worker-connections={MOST}", "READ_TIMEOUT_SECONDS": 60}
    if request.param == "api":
        with api(**few) as running:
            yield running
    else:
        with worker(LOCAL_STORAGE_DIR=tmp_path, ENGINES="horde", ENGINE_CONCURRENCY=1, QUEUE_SIZE=1, **few) as running:
            yield running


@contextlib.contextmanager
def connections(server, number: int, said: bytes = b""):
    with contextlib.ExitStack() as stack:
        clients = []
        for _ in range(number):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=30))
            client.sendall(said)
            clients.append(client)
        yield clients


def is_open(client: socket.socket) -> bool:
    """Return whether the server has not closed it; nothing was requested, so nothing else can be read."""
    return not wait([client], 0)


def healthy(server) -> bool:
    return requests.get(f"{server.url}/health", timeout=30).status_code == 200


def test_a_new_connection_is_answered_beside_any_number_of_idle_ones(server):
    with connections(server, 4 * MOST):
        assert all(healthy(server) for _ in range(5))
    assert "Traceback" not in server.log()


def test_the_longest_idle_goes_first(server):
    with connections(server, MOST // 2) as old, connections(server, MOST // 4) as young:
        time.sleep(0.2)
        with connections(server, MOST // 2) as new:
            wait_until(lambda: not all(map(is_open, old)), "a close of an old one")
            assert healthy(server)
            assert all(map(is_open, young))
            assert all(map(is_open, new))


def test_idle_ones_go_before_half_requests(server):
    with connections(server, 10, HEAD) as half:
        time.sleep(0.3)
        with connections(server, 3 * MOST) as idle:
            assert healthy(server)
            wait_until(lambda: sum(map(is_open, idle)) < MOST, "the closing of idle ones")
            assert all(map(is_open, half))
            for client in half:
                client.sendall(b"Connection: close\r\n\r\n")
            assert all(client.recv(65536).startswith(b"HTTP/1.1 200") for client in half)


def test_half_requests_go_when_nothing_else_can(server):
    with connections(server, 3 * MOST, HEAD):
        assert all(healthy(server) for _ in range(5))
    assert "Traceback" not in server.log()


@pytest.mark.parametrize(
    "said",
    [
        b"POST /generate HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\n{",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 2000,
    ],
)
def test_half_bodies_and_clients_that_do_not_read_go_too(server, said):
    with connections(server, 2 * MOST, said):
        assert all(healthy(server) for _ in range(5))
    assert "Traceback" not in server.log()


def test_keep_alive_connections_go_before_half_requests(server):
    with connections(server, 10, HEAD) as half, contextlib.ExitStack() as stack:
        time.sleep(0.3)
        for _ in range(2 * MOST):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=30))
            client.sendall(HEAD + b"\r\n")
            assert client.recv(65536).startswith(b"HTTP/1.1 200")
        assert healthy(server)
        assert all(map(is_open, half))


def test_a_head_without_an_end_is_refused(server):
    response = b""
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as client:
        client.sendall(b"GET /health HTTP/1.1\r\n")
        with contextlib.suppress(ConnectionError):
            for number in range(40):
                client.sendall(b"X-%d: " % number + b"a" * 8000 + b"\r\n" + b"X: " * 10_000)
        with contextlib.suppress(ConnectionError):
            while data := client.recv(65536):
                response += data
    assert response.startswith((b"HTTP/1.1 431", b"HTTP/1.1 400"))


def test_what_is_no_http_is_refused_as_json_and_logged_in_few_short_lines(server):
    for _ in range(60):
        with socket.create_connection(("127.0.0.1", server.port), timeout=30) as client:
            client.sendall(b"\xff" * 60_000 + b"\r\n\r\n")
            response = b""
            with contextlib.suppress(ConnectionError):
                while data := client.recv(65536):
                    response += data
        head, _, body = response.partition(b"\r\n\r\n")
        assert head.startswith((b"HTTP/1.1 400", b"HTTP/1.1 414")), head
        assert b"X-Content-Type-Options: nosniff" in head
        assert body.startswith(b'{"success":false,"error":"The ')
    lines = server.log().splitlines()
    assert max(map(len, lines)) < 500
    assert sum("rejected a request from 127.0.0.1" in line for line in lines) <= 2 * 20
    assert "Traceback" not in server.log()


def test_a_client_that_does_not_read_holds_up_no_refusal(tmp_path):
    """The worker refuses an endless head in the loop that accepts connections, which must not block on sending."""
    name = f"{'a' * 64}.png"
    (tmp_path / name).write_bytes(bytes(4_000_000))
    with worker(LOCAL_STORAGE_DIR=tmp_path, ENGINES="horde") as server, contextlib.ExitStack() as stack:
        begun = time.monotonic()
        for end in range(1_500_000, 1_552_000, 2_000):  # one of them fills all buffers between, and leaves no byte over
            client = stack.enter_context(socket.socket())
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            client.connect(("127.0.0.1", server.port))
            client.sendall(f"GET /images/{name} HTTP/1.1\r\nHost: x\r\nRange: bytes=0-{end}\r\n\r\n".encode())
            time.sleep(0.1)
            client.settimeout(1)
            with contextlib.suppress(OSError):
                client.sendall(b"GET / HTTP/1.1\r\nX: " + b"a" * 90_000)
        assert all(healthy(server) for _ in range(5))
        assert time.monotonic() - begun < 45  # while one that waits does so for a minute


@pytest.mark.parametrize(
    ("path", "end"),
    [("/health", b"}\n"), ("/nowhere", b"}\n"), ("/generate", b"}\n"), ("/robots.txt", b"\n"), ("/favicon.ico", b"")],
)
def test_a_short_response_is_one_packet(path, end):
    with api() as server, socket.create_connection(("127.0.0.1", server.port), timeout=30) as client:
        for _ in range(10):
            client.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            received = client.recv(65536)
            head, _, body = received.partition(b"\r\n\r\n")
            (length,) = (int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if b"content-length" in line)
            assert len(body) == length > 0
            assert body.endswith(end)
