"""Slow-client (slowloris) protection of the worker: clients that drip, stall or idle do not block /health."""

import contextlib
import resource
import socket
import threading
import time

import pytest
import requests

from tests.fakes.processes import worker

CLIENTS = 100  # the worker has some forty threads
SOON_SECONDS = 30


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with worker(
        LOCAL_STORAGE_DIR=tmp_path_factory.mktemp("images"), ENGINES="perchance", READ_TIMEOUT_SECONDS=60
    ) as running:
        yield running


@contextlib.contextmanager
def slow_clients(server, number: int, said: bytes):
    with contextlib.ExitStack() as stack:
        clients = []
        for _ in range(number):
            client = stack.enter_context(socket.socket())
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            client.connect(("127.0.0.1", server.port))
            client.sendall(said)
            clients.append(client)
        yield clients


def assert_healthy_soon(server):
    assert requests.get(f"{server.url}/health", timeout=SOON_SECONDS).status_code == 200


def test_clients_that_do_not_read_block_no_other(server):
    made = requests.post(f"{server.url}/generate", json={"prompt": "a tree", "model": "sketch"}, timeout=60).json()
    pictures = f"GET {made['image_url']} HTTP/1.1\r\nHost: x\r\n\r\n".encode() * 100
    with slow_clients(server, CLIENTS, pictures):
        time.sleep(4)  # until every buffer in between is full
        assert_healthy_soon(server)


def test_clients_that_drip_block_no_other(server):
    head = b"POST /generate HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n"
    over = threading.Event()
    with slow_clients(server, CLIENTS, head) as clients:

        def drip():
            while not over.wait(0.3):
                for client in clients:
                    with contextlib.suppress(OSError):  # evicted
                        client.sendall(b" ")

        dripping = threading.Thread(target=drip)
        dripping.start()
        try:
            time.sleep(0.5)
            assert_healthy_soon(server)
        finally:
            over.set()
            dripping.join()


def test_an_unauthorized_client_is_refused_before_its_body_is_read(tmp_path):
    with worker(LOCAL_STORAGE_DIR=tmp_path, WORKER_TOKEN="secret") as server:
        head = b"POST /generate HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n{"
        with slow_clients(server, 1, head) as (unauthorized,):
            unauthorized.settimeout(15)  # and not the whole time of a request
            assert unauthorized.recv(4096).startswith(b"HTTP/1.1 401")
            while unauthorized.recv(4096):
                pass


def test_receiving_a_request_has_a_timeout(tmp_path):
    with worker(LOCAL_STORAGE_DIR=tmp_path, READ_TIMEOUT_SECONDS=2) as server:
        with slow_clients(server, 1, b"POST /generate HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n") as (
            client,
        ):
            begun = time.monotonic()
            with contextlib.suppress(OSError):  # evicted, which a client that still sends may see as an error
                while time.monotonic() < begun + 30:
                    client.sendall(b" ")
                    client.settimeout(0.3)
                    with contextlib.suppress(TimeoutError):
                        if not client.recv(4096):  # after an answer 400, if any
                            break
            assert 1.5 < time.monotonic() - begun < 15  # unset it is 20


def test_more_connections_than_files_may_be_open_do_not_end_the_worker(tmp_path):
    def few_files():
        resource.setrlimit(resource.RLIMIT_NOFILE, (512, 512))

    with worker(before_start=few_files, LOCAL_STORAGE_DIR=tmp_path) as server:
        before = server.tree()[1].pid
        with slow_clients(server, 600, b""):
            time.sleep(1)
            assert requests.get(f"{server.url}/health", timeout=30).status_code == 200
        assert requests.get(f"{server.url}/health", timeout=30).status_code == 200
        assert server.tree()[1].pid == before
        assert "Too many open files" not in server.log()
