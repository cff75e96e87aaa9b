"""The SSRF guard on real connections: it hangs on a private method of urllib3, which a release may stop calling."""

import socket
import threading

import pytest
import requests
from urllib3.connection import HTTPSConnection

from image_api.dispatch.worker_client import WorkerClient
from image_api.errors import PictureUnavailable
from image_api.remote_pictures import RemotePictures, _NotPublic, _PublicAdapter, _PublicConnection
from image_api.settings import Settings
from render_worker.contract import GenerateResult
from tests.api.conftest import RESULT

HOST = "storage.example"


class Listener:
    """A server on loopback that accepts one connection and keeps what comes by it until it is closed."""

    def __init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"https://{HOST}:{self._server.getsockname()[1]}/x.png"
        self.received: list[bytes] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        connection, _ = self._server.accept()
        with connection:
            connection.settimeout(10)
            self.received.append(connection.recv(1024))

    def close(self) -> None:
        self._thread.join(10)
        self._server.close()


@pytest.fixture
def listener(monkeypatch):
    look_up = socket.getaddrinfo
    hosts = {HOST: "127.0.0.1"}
    monkeypatch.setattr("socket.getaddrinfo", lambda host, *more: look_up(hosts.get(host, host), *more))
    running = Listener()
    yield running
    running.close()


@pytest.fixture
def calls(monkeypatch) -> list[str]:
    """Return the hosts for which urllib3 has called the guard's method."""
    found: list[str] = []
    guarded = _PublicConnection._new_conn

    def counted(connection: _PublicConnection) -> socket.socket:
        found.append(connection.host)
        return guarded(connection)

    monkeypatch.setattr(_PublicConnection, "_new_conn", counted)
    return found


def test_urllib3_has_the_method_that_the_guard_overrides():
    assert callable(getattr(HTTPSConnection, "_new_conn", None))


def test_urllib3_calls_the_guard_for_each_https_connection(listener, calls):
    session = requests.Session()
    session.trust_env = False
    session.mount("https://", _PublicAdapter())
    with session, pytest.raises(_NotPublic):
        session.get(listener.url, timeout=5)
    assert calls == [HOST]


def test_a_connection_inside_ends_before_a_byte_is_sent(listener, calls):
    pictures = RemotePictures(WorkerClient(Settings(perchance_worker_url="http://127.0.0.1:9", worker_wake_seconds=0)))
    with pytest.raises(PictureUnavailable, match="its host is no public one"):
        pictures.open(GenerateResult(**{**RESULT, "image_url": listener.url}))
    listener.close()
    assert calls == [HOST]
    assert listener.received == [b""]  # it was connected to, and nothing came


def test_without_the_guard_bytes_are_sent(listener, monkeypatch):
    # What a release of urllib3 that no longer calls the method would do: the three above notice it.
    monkeypatch.delattr(_PublicConnection, "_new_conn")
    pictures = RemotePictures(WorkerClient(Settings(perchance_worker_url="http://127.0.0.1:9", worker_wake_seconds=0)))
    with pytest.raises(PictureUnavailable, match="cannot be reached"):
        pictures.open(GenerateResult(**{**RESULT, "image_url": listener.url}))
    listener.close()
    assert listener.received[0].startswith(b"\x16\x03")  # TLS' first record
