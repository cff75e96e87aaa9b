"""The connection to a render worker, at real servers: what is sent, which authorities count, and what fails how."""

import contextlib
import http.server
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping

import pytest
import trustme

from image_api.dispatch.cold_start import WorkerStarting
from image_api.dispatch.recent_contact import RecentContact
from image_api.dispatch.worker_connection import WorkerConnection
from image_api.errors import WorkerUnavailable
from image_api.outbound import certificates
from render_worker.contract import SERVICE, SERVICE_HEADER
from tests.fakes.processes import free_port
from tests.fakes.scripted_server import PatientServer


class Sent:
    """What a server got."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.headers: list[Mapping[str, str]] = []
        self.connections = 0
        self.ended = threading.Semaphore(0)


@pytest.fixture
def sent() -> Sent:
    return Sent()


@pytest.fixture
def serve(sent) -> Iterator[Callable[..., int]]:
    """Start a server that replies as a render worker, and return its port; `closing` it ends each connection."""
    with contextlib.ExitStack() as running:

        def start(tls: ssl.SSLContext | None = None, *, closing: bool = False) -> int:
            server = PatientServer(("127.0.0.1", 0), _handler(sent, closing))
            if tls:
                server.socket = tls.wrap_socket(server.socket, server_side=True)
            threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
            running.callback(server.server_close)
            running.callback(server.shutdown)
            return server.server_port

        yield start


def _handler(sent: Sent, closing: bool) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            super().setup()
            sent.connections += 1

        def do_GET(self) -> None:
            sent.lines.append(self.requestline)
            sent.headers.append(self.headers)
            self.send_response(200)
            self.send_header(SERVICE_HEADER, SERVICE)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")
            if closing:  # without a word of it, as a server that has waited long enough
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                sent.ended.release()

        def log_message(self, *_: object) -> None:
            """Stay silent."""

    return Handler


@pytest.fixture
def authority(monkeypatch, tmp_path) -> Iterator[trustme.CA]:
    """Return an authority that is one of the usual ones."""
    made = trustme.CA()
    made.cert_pem.write_to_path(str(tmp_path / "usual.pem"))
    monkeypatch.setattr(certificates, "BUNDLE", str(tmp_path / "usual.pem"))
    certificates.trusting_context.cache_clear()
    yield made
    certificates.trusting_context.cache_clear()


def certified(authority: trustme.CA, name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


def connection(url: str, token: str | None = None) -> WorkerConnection:
    return WorkerConnection(url, token, RecentContact(0))


def body_of(worker: WorkerConnection, path: str = "/health") -> bytes:
    with worker.send("GET", path, 5) as reply:
        return reply.raw.read()


def test_it_works(serve, sent):
    worker = connection(f"http://127.0.0.1:{serve()}", "secret")
    assert [body_of(worker), body_of(worker)] == [b"ok", b"ok"]
    assert sent.lines == ["GET /health HTTP/1.1"] * 2
    assert sent.headers[0]["Authorization"] == "Bearer secret"
    assert sent.headers[0]["Accept-Encoding"] == "identity"
    assert sent.connections == 1


@pytest.mark.parametrize(
    ("before", "after", "line", "credentials"),
    [
        ("", "", "GET /health HTTP/1.1", "Bearer secret"),
        ("", "/below/it", "GET /below/it/health HTTP/1.1", "Bearer secret"),
        ("a:b%40c@", "", "GET /health HTTP/1.1", "Basic YTpiQGM="),
    ],
)
def test_the_address_may_have_a_path_and_credentials(serve, sent, before, after, line, credentials):
    assert body_of(connection(f"http://{before}127.0.0.1:{serve()}{after}", "secret")) == b"ok"
    assert (sent.lines[0], sent.headers[0]["Authorization"]) == (line, credentials)


def test_a_kept_connection_that_the_worker_has_closed_is_not_used(serve, sent):
    worker = connection(f"http://127.0.0.1:{serve(closing=True)}")
    for number in range(1, 4):
        assert body_of(worker) == b"ok"
        assert sent.ended.acquire(timeout=10)
        assert sent.connections == number


def test_a_closed_one_connects_again(serve, sent):
    worker = connection(f"http://127.0.0.1:{serve()}")
    assert body_of(worker) == b"ok"
    worker.close()
    assert body_of(worker) == b"ok"
    assert sent.connections == 2


def test_head_and_body_are_one_packet():
    with socket.create_server(("127.0.0.1", 0)) as server:
        worker = connection(f"http://127.0.0.1:{server.getsockname()[1]}")
        sending = threading.Thread(target=_post, args=(worker,))
        sending.start()
        accepted, _ = server.accept()
        first = accepted.recv(64 * 1024)
        accepted.close()
        sending.join()
    assert first.endswith(b"\r\n\r\nthe body")
    assert first.count(b"Content-Length: 8\r\n") == 1


def _post(worker: WorkerConnection) -> None:
    with pytest.raises(WorkerStarting, match="ProtocolError"):
        worker.send("POST", "/generate", 5, b"the body")


class TestTLS:
    def test_a_usual_authority_vouches_for_a_worker(self, serve, authority):
        assert body_of(connection(f"https://localhost:{serve(certified(authority, 'localhost'))}")) == b"ok"

    @pytest.mark.parametrize("wrong", ["name", "authority"])
    def test_no_other_certificate_is_accepted(self, serve, sent, authority, wrong):
        issuer, name = (authority, "other.example") if wrong == "name" else (trustme.CA(), "localhost")
        worker = connection(f"https://localhost:{serve(certified(issuer, name))}", "secret")
        with pytest.raises(WorkerUnavailable, match=r"cannot be reached \(SSLError\)") as failure:
            body_of(worker)
        assert not isinstance(failure.value, WorkerStarting)
        assert sent.lines == []

    def test_a_worker_without_it_is_told_apart(self, serve):
        with pytest.raises(WorkerUnavailable, match=r"cannot be reached \(SSLError\)"):
            body_of(connection(f"https://127.0.0.1:{serve()}"))


@pytest.mark.parametrize(
    ("url", "kind"),
    [("http://127.0.0.1:{}", "NewConnectionError"), ("http://worker.invalid:{}", "NameResolutionError")],
)
def test_what_was_not_sent_is_told_apart(url, kind):
    with pytest.raises(WorkerStarting, match=rf"cannot be reached \({kind}\)") as failure:
        body_of(connection(url.format(free_port())))
    assert not failure.value.sent
