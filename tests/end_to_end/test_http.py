"""What a server meets from strangers: requests that never end, or that are no HTTP."""

import socket
import time

import pytest
import requests

from tests.fakes.processes import api, worker


@pytest.fixture(scope="module", params=["api", "worker"])
def server(request, tmp_path_factory):
    if request.param == "api":
        with api(READ_TIMEOUT_SECONDS=1, GUNICORN_CMD_ARGS="--worker-connections=30") as running:
            yield running
    else:
        folder = tmp_path_factory.mktemp("images")
        with worker(READ_TIMEOUT_SECONDS=1, MAX_CONCURRENCY=1, QUEUE_SIZE=0, LOCAL_STORAGE_DIR=folder) as running:
            yield running


def spoken(server, *parts: bytes, seconds: float = 30) -> bytes:
    """Everything that is answered to some bytes, until the server closes the connection."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=seconds) as caller:
        for part in parts:
            caller.sendall(part)
        answer = b""
        while data := caller.recv(65536):
            answer += data
        return answer


def test_callers_who_never_finish_their_request_keep_nobody_out(server):
    strangers = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(40)]
    for stranger in strangers:
        stranger.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n")
    time.sleep(0.5)
    assert requests.get(f"{server.url}/health", timeout=15).status_code == 200
    for stranger in strangers:
        stranger.close()


def drip(caller: socket.socket, drops: int) -> None:
    for _ in range(drops):
        caller.sendall(b" ")
        time.sleep(0.4)


def test_a_body_that_drips_is_given_up(server):
    head = b"POST /generate HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as caller:
        caller.sendall(head)
        with pytest.raises(ConnectionError):
            drip(caller, 100)


def test_a_body_that_never_comes_is_given_up(server):
    head = b"POST /generate HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n{"
    spoken(server, head)


CHUNKED = b"POST /generate HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize("size", [b"zz", b"-5", b""])
def test_a_chunk_without_a_size_is_a_bad_request(server, size):
    assert spoken(server, CHUNKED, size + b"\r\nabc\r\n0\r\n\r\n").startswith(b"HTTP/1.1 400")


def test_a_chunked_body_is_limited_too(server):
    body = b'{"prompt": "a"}' + b" " * 70_000
    chunk = f"{len(body):x}".encode() + b"\r\n" + body + b"\r\n0\r\n\r\n"
    assert spoken(server, CHUNKED, chunk).startswith(b"HTTP/1.1 413")


@pytest.mark.parametrize("value", ["\u00a0bytes=0-1", "bytes=\u00e9"])
def test_a_header_that_is_none_is_not_the_worker_s_fault(server, value):
    name = "a" * 64 + ".png"
    head = f"GET /images/{name} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nRange: {value}\r\n\r\n".encode("latin-1")
    answer = spoken(server, head)
    assert answer.startswith((b"HTTP/1.1 404", b"HTTP/1.1 400")) or b"worker_not_configured" in answer
