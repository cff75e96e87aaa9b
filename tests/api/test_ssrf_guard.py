"""The SSRF guard on real connections: it hangs on a private method of urllib3, which a release may stop calling."""

import contextlib
import http.server
import socket
import ssl
import threading
from collections.abc import Callable, Iterator

import pytest
import requests
import trustme
from urllib3.connection import HTTPSConnection

from image_api.dispatch.worker_client import WorkerClient
from image_api.errors import PictureUnavailable
from image_api.outbound import certificates, public_hosts
from image_api.outbound.guarded_http import GuardedSession
from image_api.outbound.pinned_connection import PinnedAdapter, PinnedConnection
from image_api.outbound.public_hosts import NotPublic
from image_api.remote_pictures import RemotePictures
from image_api.settings import Settings
from render_worker.contract import GenerateResult
from tests.api.conftest import RESULT
from tests.fakes.processes import free_port
from tests.fakes.scripted_server import PatientServer

HOST = "storage.example"
REFUSED = "The picture was made, but its host is no public one, or cannot be reached."


class Names:
    """What names resolve to, in place of a name server; it counts the look-ups."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[str] = []
        self.known: dict[str, list[list[str]]] = {}
        """The answers of each name, one after the other; the last is kept."""
        self._real = socket.getaddrinfo
        monkeypatch.setattr("socket.getaddrinfo", self._look_up)

    def _look_up(self, host: str, port: int, *more: int) -> list[tuple]:
        self.asked.append(host)
        if host not in self.known:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        addresses = self.known[host].pop(0) if len(self.known[host]) > 1 else self.known[host][0]
        return [found for address in addresses for found in self._real(address, port, *more)]


@pytest.fixture
def names(monkeypatch) -> Names:
    return Names(monkeypatch)


class Listener:
    """A server inside, which counts its connections."""

    def __init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self.accepted = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # it is closed
            while True:
                connection, _ = self._server.accept()
                self.accepted += 1
                connection.close()

    def flush(self) -> None:
        """Wait until every connection before this call is counted."""
        with socket.socket() as last:
            last.connect(("127.0.0.1", self.port))
            last.recv(1)
        self.accepted -= 1

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()


@pytest.fixture
def listener() -> Iterator[Listener]:
    with contextlib.closing(Listener()) as running:
        yield running


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def tls(authority) -> ssl.SSLContext:
    """Return the server's side of TLS, which notes the names that its clients send."""
    found = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(HOST, "xn--bcher-kva.example").configure_cert(found)
    return found


@pytest.fixture
def serve(tls) -> Iterator[Callable[[str], int]]:
    """Start a server by https at an address, and return its port; `sent` notes the SNI and Host of each request."""
    running: list[PatientServer] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            serving.sent.append((self.connection.session_name, self.headers["Host"]))
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *_: object) -> None:
            """Stay silent."""

    def note(connection: ssl.SSLSocket, name: str, _: ssl.SSLContext) -> None:
        connection.session_name = name

    tls.sni_callback = note

    def serving(address: str) -> int:
        kind = type(
            "Server", (PatientServer,), {"address_family": socket.AF_INET6 if ":" in address else socket.AF_INET}
        )
        server = kind((address, 0), Handler)
        server.socket = tls.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        running.append(server)
        return server.server_port

    serving.sent = []
    yield serving
    for server in running:
        server.shutdown()
        server.server_close()


@pytest.fixture
def loopback_is_public(monkeypatch) -> None:
    monkeypatch.setattr(public_hosts, "is_public", lambda address: address.startswith(("127.", "::1")))


@pytest.fixture
def session(authority, tmp_path) -> Iterator[GuardedSession]:
    with GuardedSession() as made:
        made.mount("https://", PinnedAdapter())
        authority.cert_pem.write_to_path(tmp_path / "authority.pem")
        made.verify = str(tmp_path / "authority.pem")
        yield made


@pytest.fixture
def pictures() -> RemotePictures:
    return RemotePictures(WorkerClient(Settings(perchance_worker_url="http://127.0.0.1:9", worker_wake_seconds=0)))


def at(url: str) -> GenerateResult:
    return GenerateResult(**{**RESULT, "image_url": url})


def test_urllib3_has_the_method_that_the_guard_overrides():
    assert callable(getattr(HTTPSConnection, "_new_conn", None))


def test_it_works_by_the_name_s_own_certificate(names, serve, session, loopback_is_public):
    names.known[HOST] = [["127.0.0.1"]]
    port = serve("127.0.0.1")
    assert session.get(f"https://{HOST}:{port}/", timeout=5).text == "ok"
    assert serve.sent == [(HOST, f"{HOST}:{port}")]


def test_the_usual_authorities_are_loaded_once(names, serve, authority, loopback_is_public, monkeypatch, tmp_path):
    bundle = str(tmp_path / "usual.pem")
    authority.cert_pem.write_to_path(bundle)
    monkeypatch.setattr("requests.adapters.DEFAULT_CA_BUNDLE_PATH", bundle)
    monkeypatch.setattr(certificates, "BUNDLE", bundle)
    certificates.trusting_context.cache_clear()
    names.known[HOST] = names.known["other.example"] = [["127.0.0.1"]]
    with GuardedSession() as session:
        session.mount("https://", PinnedAdapter())
        assert session.get(f"https://{HOST}:{serve('127.0.0.1')}/", timeout=5).text == "ok"
        (tmp_path / "usual.pem").write_text("")  # what is loaded again would have none
        assert session.get(f"https://{HOST}:{serve('127.0.0.1')}/", timeout=5).text == "ok"
        with pytest.raises(requests.exceptions.SSLError, match="Hostname mismatch"):
            session.get(f"https://other.example:{serve('127.0.0.1')}/", timeout=5)
    certificates.trusting_context.cache_clear()


def test_the_usual_authorities_vouch_for_no_other(names, serve, loopback_is_public):
    names.known[HOST] = [["127.0.0.1"]]
    with GuardedSession() as session:
        session.mount("https://", PinnedAdapter())
        for _ in range(2):
            with pytest.raises(requests.exceptions.SSLError, match="certificate verify failed"):
                session.get(f"https://{HOST}:{serve('127.0.0.1')}/", timeout=5)
    assert serve.sent == []
    assert len(certificates.trusting_context().get_ca_certs()) > 50


@pytest.mark.parametrize(
    "answers", [["127.0.0.1"], ["93.184.216.34", "127.0.0.1"], ["::1", "127.0.0.1"], ["169.254.1.1"]]
)
def test_one_sentence_and_no_connection_whether_a_port_inside_is_open_or_closed(names, listener, pictures, answers):
    names.known[HOST] = [answers]
    said = set()
    for port in (listener.port, free_port()):
        with pytest.raises(PictureUnavailable) as refused:
            pictures.open(at(f"https://{HOST}:{port}/x.png"))
        said.add(str(refused.value))
    with pytest.raises(PictureUnavailable) as unknown:
        pictures.open(at(f"https://no-such-host.example:{listener.port}/x.png"))
    assert said == {str(unknown.value)} == {REFUSED}
    listener.flush()
    assert listener.accepted == 0


def test_without_the_guard_the_host_inside_is_connected_to(names, listener, pictures, monkeypatch):
    # What a release of urllib3 that no longer calls the method would do: the test above notices it.
    monkeypatch.delattr(PinnedConnection, "_new_conn")
    names.known[HOST] = [["127.0.0.1"]]
    with pytest.raises(PictureUnavailable, match="cannot be reached"):
        pictures.open(at(f"https://{HOST}:{listener.port}/x.png"))
    listener.flush()
    assert listener.accepted == 1


def test_a_name_that_rebinds_is_looked_up_once(names, serve, session, listener, monkeypatch):
    monkeypatch.setattr(public_hosts, "is_public", lambda address: address == "127.0.0.2")
    port = serve("127.0.0.2")
    names.known[HOST] = [["127.0.0.2"], ["127.0.0.1"]]
    assert session.get(f"https://{HOST}:{port}/", timeout=5, headers={"Connection": "close"}).text == "ok"
    assert names.asked == [HOST]
    with pytest.raises(NotPublic):
        session.get(f"https://{HOST}:{listener.port}/", timeout=5)
    listener.flush()
    assert listener.accepted == 0


def test_a_second_request_uses_the_connection_that_is_there(names, serve, session, loopback_is_public):
    names.known[HOST] = [["127.0.0.1"]]
    port = serve("127.0.0.1")
    for _ in range(2):
        assert session.get(f"https://{HOST}:{port}/", timeout=5).text == "ok"
    assert names.asked == [HOST]


@pytest.mark.parametrize("first", ["127.0.0.2", "::1"])
def test_the_next_address_is_tried_if_one_does_not_connect(names, serve, session, loopback_is_public, first):
    names.known[HOST] = [[first, "127.0.0.1"]]
    assert session.get(f"https://{HOST}:{serve('127.0.0.1')}/", timeout=5).text == "ok"


def test_a_host_by_ipv6_is_connected_to(names, serve, session, loopback_is_public):
    names.known[HOST] = [["::1"]]
    assert session.get(f"https://{HOST}:{serve('::1')}/", timeout=5).text == "ok"


def test_a_name_in_punycode_has_its_own_certificate(names, serve, session, loopback_is_public):
    names.known["xn--bcher-kva.example"] = [["127.0.0.1"]]
    assert session.get(f"https://xn--bcher-kva.example:{serve('127.0.0.1')}/", timeout=5).text == "ok"


def test_another_name_s_certificate_is_refused(names, serve, session, loopback_is_public):
    names.known["other.example"] = [["127.0.0.1"]]
    with pytest.raises(requests.exceptions.SSLError, match="Hostname mismatch"):
        session.get(f"https://other.example:{serve('127.0.0.1')}/", timeout=5)
    assert serve.sent == []


def test_a_closed_port_of_a_public_host_is_told_apart(names, session, loopback_is_public):
    names.known[HOST] = [["127.0.0.1", "127.0.0.2"]]
    with pytest.raises(requests.ConnectionError, match="Connection refused"):
        session.get(f"https://{HOST}:{free_port()}/", timeout=5)


def test_all_addresses_together_have_the_time_of_one_connection(names, session, loopback_is_public):
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        port = full.getsockname()[1]
        fillers = [socket.socket() for _ in range(4)]
        for each in fillers:
            each.setblocking(False)
            each.connect_ex(("127.0.0.1", port))
        names.known[HOST] = [["127.0.0.1"] * 8]
        with pytest.raises(requests.ConnectTimeout):
            session.get(f"https://{HOST}:{port}/", timeout=(0.4, 5))
        for each in fillers:
            each.close()


def test_a_proxy_of_the_environment_is_not_used(names, serve, session, listener, loopback_is_public, monkeypatch):
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{listener.port}")
    names.known[HOST] = [["127.0.0.1"]]
    assert session.get(f"https://{HOST}:{serve('127.0.0.1')}/", timeout=5).text == "ok"
    listener.flush()
    assert listener.accepted == 0
