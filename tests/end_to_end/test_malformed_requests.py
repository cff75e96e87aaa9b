"""Malformed and endless requests: each is refused or times out, and other clients are served."""

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


def exchange(server, *parts: bytes, seconds: float = 30) -> bytes:
    """Return everything that is received after some bytes are sent, until the server closes the connection."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=seconds) as client:
        for part in parts:
            client.sendall(part)
        response = b""
        while data := client.recv(65536):
            response += data
        return response


def test_slow_clients_that_never_finish_their_request_block_no_other(server):
    slow_clients = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(40)]
    for client in slow_clients:
        client.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n")
    time.sleep(0.5)
    assert requests.get(f"{server.url}/health", timeout=15).status_code == 200
    for client in slow_clients:
        client.close()


def drip(client: socket.socket, drops: int) -> None:
    for _ in range(drops):
        client.sendall(b" ")
        time.sleep(0.4)


def test_a_body_that_drips_times_out(server):
    head = b"POST /generate HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as client:
        client.sendall(head)
        with pytest.raises(ConnectionError):
            drip(client, 100)


def test_a_body_that_never_comes_times_out(server):
    head = b"POST /generate HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n{"
    exchange(server, head)


CHUNKED = b"POST /generate HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize("size", [b"zz", b"-5", b""])
def test_a_chunk_without_a_size_is_a_bad_request(server, size):
    assert exchange(server, CHUNKED, size + b"\r\nabc\r\n0\r\n\r\n").startswith(b"HTTP/1.1 400")


def test_a_chunked_body_is_limited_too(server):
    body = b'{"prompt": "a"}' + b" " * 70_000
    chunk = f"{len(body):x}".encode() + b"\r\n" + body + b"\r\n0\r\n\r\n"
    assert exchange(server, CHUNKED, chunk).startswith(b"HTTP/1.1 413")


@pytest.mark.parametrize("value", ["\u00a0bytes=0-1", "bytes=\u00e9"])
def test_a_malformed_header_is_not_the_worker_s_fault(server, value):
    name = "a" * 64 + ".png"
    head = f"GET /images/{name} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nRange: {value}\r\n\r\n".encode("latin-1")
    response = exchange(server, head)
    assert response.startswith((b"HTTP/1.1 404", b"HTTP/1.1 400")) or b"worker_not_configured" in response
