"""Uploads at the real server: their limit, slots, files, and what others notice of them."""

import contextlib
import re
import socket
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self

import pytest
import requests

from tests.api.pictures import PNG
from tests.fakes.processes import PATIENCE_SECONDS, Server, api, wait_until
from tests.hostile.wire import parse

MIB = 1024 * 1024
PATH = "/v1/images/edits"
HEAD = b"POST /v1/images/edits HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\n"
PROMPT = b'--b\r\nContent-Disposition: form-data; name="prompt"\r\n\r\na hat\r\n'
IMAGE = b'--b\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n'
CLIENTS = 50


def form(size: int) -> bytes:
    """Return a form with a picture, of that many bytes in all."""
    end = b"\r\n--b--\r\n"
    return PROMPT + IMAGE + PNG + bytes(size - len(PROMPT + IMAGE + PNG + end)) + end


@pytest.fixture(scope="module")
def server():
    with api(READ_TIMEOUT_SECONDS=3, GRACEFUL_TIMEOUT_SECONDS=1, MAX_UPLOAD_MB=2) as running:
        yield running


def connected(server: Server, said: bytes = b"") -> socket.socket:
    client = socket.create_connection(("127.0.0.1", server.port), timeout=10)
    client.sendall(said)
    return client


def answer_to(server: Server, head: bytes, body: bytes) -> bytes:
    """Return the server's first whole response; what there is of it if the server closes the connection before."""
    with connected(server, HEAD + head + b"\r\n") as client:
        client.settimeout(PATIENCE_SECONDS)
        said = b""
        with contextlib.suppress(OSError):  # a refusal may come while the body is sent
            client.sendall(body)
        with contextlib.suppress(OSError):
            while parse(said) is None and (piece := client.recv(MIB)):
                said += piece
        return said


def chunked(body: bytes, size: int) -> bytes:
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(it), it) for it in pieces) + b"0\r\n\r\n"


def temporary_files(server: Server) -> int:
    """Return how many files without a name its processes have open, beside those of gunicorn's own."""
    links = [link for process in server.tree() for link in Path(f"/proc/{process.pid}/fd").iterdir()]
    names = [str(link.readlink()) for link in links if link.is_symlink()]
    return sum(1 for name in names if name.endswith("(deleted)") and "wgunicorn-" not in name)


@pytest.mark.parametrize("way", ["Content-Length", "chunked"])
def test_the_largest_request_is_read(server, way):
    body = form(2 * MIB)
    announced = way == "Content-Length"
    head = b"Content-Length: %d\r\n" % len(body) if announced else b"Transfer-Encoding: chunked\r\n"
    said = answer_to(server, head, body if announced else chunked(body, 50_000))
    assert said.startswith(b"HTTP/1.1 503 ")  # it is valid, and there is no worker
    assert b'"worker_not_configured"' in said
    assert b"connection: keep-alive" in said.lower()


@pytest.mark.parametrize("way", ["Content-Length", "chunked"])
def test_a_larger_one_is_refused_and_ends_the_connection(server, way):
    body = form(2 * MIB + (1 if way == "Content-Length" else 5000))  # gunicorn reads chunks of a KiB ahead
    announced = way == "Content-Length"
    head = b"Content-Length: %d\r\n" % len(body) if announced else b"Transfer-Encoding: chunked\r\n"
    said = answer_to(server, head, body if announced else chunked(body, 50_000))
    assert said.startswith(b"HTTP/1.1 413 ")
    assert b"connection: close" in said.lower()
    assert b'{"error":{"message":"The request is larger than 2 MB, all its files together."' in said
    assert b'"too_large"' in said


def test_it_is_refused_by_its_announced_length_before_it_is_sent(server):
    begun = time.monotonic()
    said = answer_to(server, b"Content-Length: 99999999999\r\nExpect: 100-continue\r\n", b"")
    assert said.startswith(b"HTTP/1.1 413 ")  # and no 100 Continue
    assert time.monotonic() - begun < 2


def test_other_routes_keep_their_limit(server):
    answer = requests.post(f"{server.url}/v1/images/generations", data=b" " * 70_000, timeout=9)
    assert (answer.status_code, answer.json()["error"]["message"]) == (413, "The body is larger than 64 KiB.")


def test_a_body_that_ends_early_is_refused(server):
    with connected(server, HEAD + b"Content-Length: 5000\r\n\r\n" + PROMPT) as client:
        client.shutdown(socket.SHUT_WR)
        client.settimeout(5)
        said = b""
        while piece := client.recv(MIB):
            said += piece
        assert b"the body ended early" in said


def test_a_body_that_does_not_come_is_refused_in_time(server):
    with connected(server, HEAD + b"Content-Length: 5000\r\n\r\n" + PROMPT) as client:
        said = b"".join(iter(lambda: client.recv(MIB), b""))
    assert said.startswith(b"HTTP/1.1 408 ")
    assert b'"request_timeout"' in said
    assert temporary_files(server) == 0


def test_of_a_client_that_hangs_up_nothing_is_left(server):
    for _ in range(20):
        connected(server, HEAD + b"Content-Length: 500000\r\n\r\n" + form(100_000)).close()
    assert requests.get(f"{server.url}/health", timeout=5).status_code == 200
    wait_until(lambda: temporary_files(server) == 0, "the files are deleted", 5)


def test_a_killed_process_leaves_no_file(tmp_path):
    with api(TMPDIR=tmp_path, GRACEFUL_TIMEOUT_SECONDS=1) as server:
        with connected(server, HEAD + b"Content-Length: 500000\r\n\r\n" + form(100_000)[:-20]):
            wait_until(lambda: temporary_files(server) > 0, "the upload is in a file", 5)
            for process in server.tree():
                process.kill()
        assert [it for it in tmp_path.iterdir() if it.is_file() and it.stat().st_size] == []


def test_one_client_cannot_take_every_slot_from_others():
    with api(READ_TIMEOUT_SECONDS=20, GRACEFUL_TIMEOUT_SECONDS=1, TRUSTED_PROXIES="loopback") as server:
        hoarder = b"Content-Length: 5000\r\nX-Forwarded-For: 203.0.113.1\r\n\r\n"
        held = [connected(server, HEAD + hoarder + PROMPT) for _ in range(4)]
        wait_until(lambda: temporary_files(server) == 4, "every slot is held", 5)
        files = {"image": ("a", PNG)}
        answers = [
            requests.post(server.url + PATH, files=files, data={"prompt": "a hat"}, headers=headers, timeout=9)
            for headers in ({"X-Forwarded-For": "203.0.113.1"}, {"X-Forwarded-For": "203.0.113.2"})
        ]
        assert [it.json()["error"]["code"] for it in answers] == ["service_busy", "worker_not_configured"]
        assert (answers[0].status_code, answers[0].headers["Retry-After"]) == (503, "15")
        for client in held:
            client.close()


class Watch:
    """A client that asks /health again and again while it is entered, and how long it waits."""

    def __init__(self, server: Server) -> None:
        self._url = f"{server.url}/health"
        self._over = threading.Event()
        self._waits: list[float] = []
        self._thread = threading.Thread(target=self._ask)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _ask(self) -> None:
        with requests.Session() as session:
            while not self._over.wait(0.01):
                begun = time.monotonic()
                assert session.get(self._url, timeout=PATIENCE_SECONDS).status_code == 200
                self._waits.append(time.monotonic() - begun)

    def waits(self) -> list[float]:
        """Return how long each answer took, in seconds, the shortest first."""
        return sorted(self._waits)


def test_many_uploads_at_once_delay_no_other_client():
    body = form(4 * MIB)
    length = b"Content-Length: %d\r\n" % len(body)
    with api(GRACEFUL_TIMEOUT_SECONDS=1) as server, ThreadPoolExecutor(CLIENTS) as pool:
        with Watch(server) as watch:
            sent = [pool.submit(answer_to, server, length, body) for _ in range(CLIENTS)]
            codes = Counter(re.search(rb'"code":"(\w+)"', it.result())[1] for it in sent)
        waits = watch.waits()
        assert waits[len(waits) // 2] < sum(waits) / 8  # were each upload parsed in one go, others would wait for all
        assert temporary_files(server) == 0
    assert codes[b"worker_not_configured"] >= 4  # as many as there are slots, and those that came later
    assert codes.keys() <= {b"worker_not_configured", b"service_busy"}


@pytest.mark.parametrize("path", [PATH, "/generate"])
def test_chunks_of_one_byte_delay_no_other_client(path):
    body = chunked(b" " * 60_000 + b"{}", 1)
    head = b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    with api(GRACEFUL_TIMEOUT_SECONDS=1, TRUSTED_PROXIES="loopback") as server:
        with Watch(server) as watch:
            for _ in range(3):
                with connected(server, head % path.encode() + body) as client:
                    client.settimeout(PATIENCE_SECONDS)
                    assert client.recv(MIB).startswith(b"HTTP/1.1 400 ")
        assert len(watch.waits()) > 12  # were such a body parsed in one go, one or two for each
