"""HTTP/1.1 exchanges with a render worker: which heads are read, how a body ends, and which connections are kept."""

import contextlib
import socket
import threading

import pytest
from urllib3.exceptions import ProtocolError

from image_api.dispatch.cold_start import WorkerStarting
from image_api.dispatch.recent_contact import RecentContact
from image_api.dispatch.worker_connection import WorkerConnection
from image_api.errors import WorkerUnavailable

SERVICE = b"X-Service: render-worker\r\n"
OK = b"HTTP/1.1 200 OK\r\n" + SERVICE


class KeptServer:
    """A server that sends the same bytes for each request, on connections that it keeps."""

    def __init__(self, sent: bytes) -> None:
        self._sent = sent
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.connections: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:  # it is closed
                return
            self.connections.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            while connection.recv(64 * 1024):
                connection.sendall(self._sent)
        except OSError:  # the test is over
            pass

    def close(self) -> None:
        for each in (self._listener, *self.connections):
            with contextlib.suppress(OSError):  # it is closed already
                each.shutdown(socket.SHUT_RDWR)
            each.close()


@pytest.fixture
def serve():
    servers: list[KeptServer] = []

    def start(sent: bytes) -> KeptServer:
        servers.append(KeptServer(sent))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def get(worker: WorkerConnection) -> bytes:
    with worker.send("GET", "/health", 5) as reply:
        pieces = iter(lambda: reply.raw.read1(64 * 1024), b"")
        return b"".join(pieces)


def connection(server: KeptServer) -> WorkerConnection:
    return WorkerConnection(server.url, None, RecentContact(0))


@pytest.mark.parametrize(
    ("head", "body", "expected"),
    [
        (b"Content-Length: 2\r\n", b"ok", b"ok"),
        (b"content-length:2\r\nConnection: Keep-Alive\r\n", b"ok", b"ok"),
        (b"Content-Length: 0\r\n", b"", b""),
        (b"Transfer-Encoding: chunked\r\n", b"1\r\no\r\n1\r\nk\r\n0\r\n\r\n", b"ok"),
        (b"Transfer-Encoding: CHUNKED\r\n", b"2;x=y\r\nok\r\n0\r\nA: b\r\n\r\n", b"ok"),
    ],
)
def test_a_connection_is_kept_when_its_body_is_read(serve, head, body, expected):
    server = serve(OK + head + b"\r\n" + body)
    worker = connection(server)
    assert [get(worker) for _ in range(3)] == [expected] * 3
    assert len(server.connections) == 1


@pytest.mark.parametrize(
    "head", [b"Content-Length: 2\r\nConnection: close\r\n", b"Content-Length: 2\r\nConnection: x, Close\r\n"]
)
def test_it_is_not_kept_if_the_worker_says_so(serve, head):
    server = serve(OK + head + b"\r\nok")
    worker = connection(server)
    assert [get(worker), get(worker)] == [b"ok", b"ok"]
    assert len(server.connections) == 2


def test_nor_if_the_body_is_not_read(serve):
    server = serve(OK + b"Content-Length: 9\r\n\r\nok")
    worker = connection(server)
    for _ in range(2):
        with worker.send("GET", "/health", 5) as reply:
            assert reply.raw.read1(2) == b"ok"
    assert len(server.connections) == 2


def test_nor_if_it_has_two_lengths(serve):
    """One of them may be for another reader: what is left would be taken for the next response (RFC 9112, 6.1)."""
    server = serve(OK + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n")
    worker = connection(server)
    assert [get(worker), get(worker)] == [b"ok", b"ok"]
    assert len(server.connections) == 2


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: 2, 3\r\n",
        b"Content-Length: 2\r\nContent-Length: 3\r\n",
        b"Content-Length: -2\r\n",
        b"Content-Length: +2\r\n",
        b"Content-Length: 2_0\r\n",
        b"Content-Length: " + b"9" * 5000 + b"\r\n",
        b"Transfer-Encoding: gzip, chunked\r\n",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        b"A:"
        + b" " * 60_000
        + b"\0\r\n",  # which a regular expression that begins and ends with spaces takes hours for
        b"Content-Length : 2\r\n",
        b"A: b\r\n Content-Length: 2\r\n",
        b"no header\r\n",
        b": 2\r\n",
        b"A\0: 2\r\n",
        b"A: 2\0\r\n",
        b"A: b\rc\r\n",
        b"A: b\r\n" * 101,
        b"A: " + b"b" * 70_000 + b"\r\n",
    ],
    ids=lambda head: str(head)[:40],
)
def test_a_head_that_is_invalid_is_refused(serve, head):
    worker = connection(serve(OK + head + b"\r\nok"))
    with pytest.raises(WorkerStarting, match=r"cannot be reached \(ProtocolError\)"):
        worker.send("GET", "/health", 5)


@pytest.mark.parametrize("sent", [OK, OK + b"A: b", b"HTTP/1.1 20", b""])
def test_so_is_half_a_head(serve, sent):
    server = serve(sent)
    sending = threading.Timer(0.3, server.close)
    sending.start()
    with pytest.raises(WorkerStarting, match=r"cannot be reached \(ProtocolError\)"):
        connection(server).send("GET", "/health", 5)
    sending.join()


@pytest.mark.parametrize(
    "rest",
    [
        b"Content-Length: 9\r\n\r\nok",
        b"Transfer-Encoding: chunked\r\n\r\n5\r\nok",
        b"Transfer-Encoding: chunked\r\n\r\n",
    ],
)
def test_half_a_body_is_an_error(serve, rest):
    server = serve(OK + rest)
    ending = threading.Timer(0.3, server.close)
    with connection(server).send("GET", "/health", 5) as reply:
        ending.start()
        with pytest.raises(ProtocolError):
            list(iter(lambda: reply.raw.read1(64 * 1024), b""))
    ending.join()


@pytest.mark.parametrize("header", ["a\r\nB: c", "a\nb", "a\0"])
def test_a_header_of_two_lines_is_not_sent(serve, header):
    worker = connection(serve(OK + b"Content-Length: 2\r\n\r\nok"))
    with pytest.raises(WorkerUnavailable, match=r"cannot be reached \(ValueError\)"):
        worker.send("GET", "/health", 5, headers={"A": header})


def test_interim_responses_come_before_the_one_that_counts(serve):
    interim = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    assert get(connection(serve(interim * 2 + OK + b"Content-Length: 2\r\n\r\nok"))) == b"ok"
