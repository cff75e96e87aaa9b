"""The bytes of a picture: from the worker's folder, from a storage outside, and from nowhere else."""

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import trustme

from image_api.dispatch.direct import DirectDispatch
from image_api.errors import PictureUnavailable, WorkerUnavailable
from image_api.pictures import Pictures
from image_api.settings import Settings
from render_worker.contract import GenerateResult
from tests.api.conftest import NAME, PICTURE, RESULT


class Storage:
    """A storage by https on loopback, that a name of the public internet leads to."""

    def __init__(self, authority: trustme.CA) -> None:
        self.status, self.headers, self.content = 200, {"Content-Length": str(len(PICTURE))}, PICTURE
        self.pause = 0.0
        self.asked: list[str] = []
        storage = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                storage.asked.append(self.path)
                self.send_response(storage.status)
                for name, value in storage.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                for start in range(0, len(storage.content), 4096):
                    self.wfile.write(storage.content[start : start + 4096])
                    time.sleep(storage.pause)

            def log_message(self, *_: object) -> None:
                """Stay silent."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("storage.example").configure_cert(context)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = f"https://storage.example:{self._server.server_port}/x.png"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def storage(authority, monkeypatch) -> Iterator[Storage]:
    look_up = socket.getaddrinfo
    hosts = {"storage.example": "127.0.0.1"}
    monkeypatch.setattr("socket.getaddrinfo", lambda host, *more: look_up(hosts.get(host, host), *more))
    running = Storage(authority)
    yield running
    running.close()


@pytest.fixture
def pictures(worker) -> Pictures:
    return Pictures(DirectDispatch(Settings(perchance_worker_url=worker.url, worker_wake_seconds=0)))


@pytest.fixture
def trusting(pictures, authority, monkeypatch, tmp_path) -> Pictures:
    """Takes loopback for the public internet, and the test's authority for a known one."""
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    pictures._session.verify = str(tmp_path / "authority.pem")
    monkeypatch.setattr("image_api.pictures._is_public", lambda address: address == "127.0.0.1")
    return pictures


def at(address: str) -> GenerateResult:
    return GenerateResult.model_validate({**RESULT, "image_url": address})


def read(pictures: Pictures, result: GenerateResult) -> bytes:
    content = pictures.open(result)
    try:
        return b"".join(content)
    finally:
        content.close()


def test_it_works_with_the_worker_s_own(pictures, worker):
    worker.say(200, PICTURE, Content_Type="image/png")
    assert read(pictures, at(f"/images/{NAME}")) == PICTURE
    assert worker.requests[-1][:2] == ("GET", f"/images/{NAME}")


def test_it_works_with_a_storage_outside(trusting, storage, worker):
    assert read(trusting, at(storage.url)) == PICTURE
    assert storage.asked == ["/x.png"]
    assert worker.requests == []


def test_a_host_that_is_not_public_is_sent_nothing(pictures, storage):
    with pytest.raises(PictureUnavailable, match="its host is no public one"):
        read(pictures, at(storage.url))
    assert storage.asked == []


@pytest.mark.parametrize(
    "address",
    [
        "http://i.imgur.com/x.png",
        "ftp://i.imgur.com/x.png",
        "file:///etc/passwd",
        "https://localhost/x.png",
        "https://127.0.0.1/x.png",
        "https://[::1]/x.png",
        "https://0x7f.1/x.png",
        "https://2130706433/x.png",
        "https://user@i.imgur.com/x.png",
        "https://i.imgur.com:99999/x.png",
        "https://i.imgur.com:0/x.png",
        "https://[/x.png",
        "https:///x.png",
        "/images/../health",
        "/health",
        f"//127.0.0.1/images/{NAME}",
        "",
    ],
)
def test_any_other_address_is_refused_without_asking_anybody(pictures, worker, address):
    with pytest.raises(PictureUnavailable, match="none of a public https host"):
        read(pictures, at(address))
    assert worker.requests == []


def test_a_host_that_nobody_knows_is_said(pictures):
    with pytest.raises(PictureUnavailable, match="cannot be reached"):
        read(pictures, at("https://no-such-host.invalid/x.png"))


def test_a_certificate_that_is_none_is_said(trusting, storage):
    trusting._session.verify = True
    with pytest.raises(PictureUnavailable, match=r"cannot be reached \(SSLError\)"):
        read(trusting, at(storage.url))
    assert storage.asked == []


def test_a_redirect_is_not_followed(trusting, storage):
    storage.status, storage.headers["Location"] = 302, storage.url.replace("x.png", "y.png")
    with pytest.raises(PictureUnavailable, match="HTTP 302"):
        read(trusting, at(storage.url))
    assert storage.asked == ["/x.png"]


def test_a_picture_that_is_gone_is_said(pictures, worker):
    worker.say(404, {"success": False, "error": "Not Found.", "code": "not_found"})
    with pytest.raises(PictureUnavailable, match="HTTP 404"):
        read(pictures, at(f"/images/{NAME}"))


def test_a_worker_out_of_reach_is_its_own_failure(pictures, worker):
    worker.close()
    with pytest.raises(WorkerUnavailable):
        read(pictures, at(f"/images/{NAME}"))


def test_a_file_that_breaks_off_is_said(trusting, storage):
    storage.headers["Content-Length"] = "5000"
    with pytest.raises(PictureUnavailable, match="broke off"):
        read(trusting, at(storage.url))


def test_an_empty_file_is_said(trusting, storage):
    storage.content, storage.headers = b"", {"Content-Length": "0"}
    with pytest.raises(PictureUnavailable, match="0 bytes"):
        read(trusting, at(storage.url))


def test_a_file_without_end_is_cut(trusting, storage, monkeypatch):
    monkeypatch.setattr("image_api.pictures.MAX_PICTURE_BYTES", 1024 * 1024)
    storage.content, storage.headers = b"x" * 3_000_000, {}
    with pytest.raises(PictureUnavailable, match="too large"):
        read(trusting, at(storage.url))


def test_a_host_that_sends_drop_by_drop_is_given_up(trusting, storage, monkeypatch):
    monkeypatch.setattr("image_api.pictures.READ_SECONDS", 0.3)
    storage.content, storage.headers, storage.pause = b"x" * 200_000, {}, 0.05
    begun = time.monotonic()
    with pytest.raises(PictureUnavailable, match="too slowly"):
        read(trusting, at(storage.url))
    assert time.monotonic() - begun < 2
