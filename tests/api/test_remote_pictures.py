"""The bytes of a picture: from the worker, from a storage outside, and, by the SSRF guard, from nowhere else."""

import base64
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler

import pytest
import trustme
from pydantic import ValidationError

from image_api.dispatch.worker_client import WorkerClient
from image_api.errors import PictureUnavailable, WorkerUnavailable
from image_api.remote_pictures import RemotePictures
from image_api.settings import Settings
from render_worker.contract import GenerateResult
from tests.api.conftest import NAME, PICTURE, RESULT
from tests.fakes.scripted_server import PatientServer, ScriptedServer


class Storage:
    """A storage by https on loopback, to which a public host name resolves."""

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

        self._server = PatientServer(("127.0.0.1", 0), Handler)
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
def pictures(worker) -> RemotePictures:
    return RemotePictures(WorkerClient(Settings(perchance_worker_url=worker.url, worker_wake_seconds=0)))


@pytest.fixture
def trusting(pictures, authority, monkeypatch, tmp_path) -> RemotePictures:
    """Return pictures that take loopback for the public internet, and trust the test's authority."""
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    pictures._session.verify = str(tmp_path / "authority.pem")
    monkeypatch.setattr("image_api.outbound.public_hosts.is_public", lambda address: address == "127.0.0.1")
    return pictures


def at(address: str) -> GenerateResult:
    return GenerateResult.model_validate({**RESULT, "image_url": address})


def read(pictures: RemotePictures, result: GenerateResult) -> bytes:
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
def test_any_other_address_is_refused_without_a_request(pictures, worker, address):
    with pytest.raises(PictureUnavailable, match="none of a public https host"):
        read(pictures, at(address))
    assert worker.requests == []


def test_an_unknown_host_is_an_error(pictures):
    with pytest.raises(PictureUnavailable, match="cannot be reached"):
        read(pictures, at("https://no-such-host.invalid/x.png"))


def test_an_invalid_certificate_is_an_error(trusting, storage):
    trusting._session.verify = True
    with pytest.raises(PictureUnavailable, match=r"cannot be reached \(SSLError\)"):
        read(trusting, at(storage.url))
    assert storage.asked == []


def test_a_redirect_is_not_followed(trusting, storage):
    storage.status, storage.headers["Location"] = 302, storage.url.replace("x.png", "y.png")
    with pytest.raises(PictureUnavailable, match="HTTP 302"):
        read(trusting, at(storage.url))
    assert storage.asked == ["/x.png"]


def test_a_picture_that_is_gone_is_an_error(pictures, worker):
    worker.say(404, {"success": False, "error": "Not Found.", "code": "not_found"})
    with pytest.raises(PictureUnavailable, match="HTTP 404"):
        read(pictures, at(f"/images/{NAME}"))


def test_an_unreachable_worker_is_its_own_error(pictures, worker):
    worker.close()
    with pytest.raises(WorkerUnavailable):
        read(pictures, at(f"/images/{NAME}"))


def test_a_file_that_breaks_off_is_an_error(trusting, storage):
    storage.headers["Content-Length"] = "5000"
    with pytest.raises(PictureUnavailable, match="broke off"):
        read(trusting, at(storage.url))


def test_an_empty_file_is_an_error(trusting, storage):
    storage.content, storage.headers = b"", {"Content-Length": "0"}
    with pytest.raises(PictureUnavailable, match="0 bytes"):
        read(trusting, at(storage.url))


def test_a_file_without_end_is_cut(trusting, storage, monkeypatch):
    monkeypatch.setattr("image_api.remote_pictures.MAX_PICTURE_BYTES", 1024 * 1024)
    storage.content, storage.headers = b"x" * 3_000_000, {}
    with pytest.raises(PictureUnavailable, match="too large"):
        read(trusting, at(storage.url))


def test_a_host_that_sends_byte_by_byte_is_timed_out(trusting, storage, monkeypatch):
    monkeypatch.setattr("image_api.remote_pictures.READ_SECONDS", 0.3)
    storage.content, storage.headers, storage.pause = b"x" * 200_000, {}, 0.05
    with pytest.raises(PictureUnavailable, match="too slowly"):
        read(trusting, at(storage.url))


@pytest.fixture
def minio() -> Iterator[ScriptedServer]:
    """Yield a storage in the operator's own network."""
    with ScriptedServer() as server:
        server.say(200, PICTURE)
        yield server


@pytest.fixture
def trusting_client(client_with, minio, worker):
    """Return a client of an API tier that may read from there, with the worker's pictures in it."""
    worker.say(200, {**RESULT, "image_url": f"{minio.url}/pictures/{NAME}?X-Amz-Signature=1"})
    return client_with(picture_origins=f"http://elsewhere:9000, {minio.url}")


@pytest.mark.parametrize("path", ["/generate.png?prompt=a", "/generate?prompt=a&format=image"])
def test_a_named_origin_is_read_though_it_is_no_public_host(trusting_client, minio, path):
    answer = trusting_client.get(path)
    assert (answer.status_code, answer.data) == (200, PICTURE)
    assert minio.asked == [("GET", f"/pictures/{NAME}?X-Amz-Signature=1")]


def test_a_named_origin_s_pictures_are_there_as_base64_too(trusting_client):
    answer = trusting_client.post("/v1/images/generations", json={"prompt": "a", "response_format": "b64_json"})
    assert base64.b64decode(answer.json["data"][0]["b64_json"]) == PICTURE


def test_one_with_a_certificate_is_read_too(worker, storage, authority, tmp_path):
    origin = storage.url.removesuffix("/x.png")
    pictures = RemotePictures(WorkerClient(Settings(perchance_worker_url=worker.url)), (origin,))
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    pictures._session.verify = str(tmp_path / "authority.pem")
    assert read(pictures, at(storage.url)) == PICTURE


def test_without_its_name_it_is_not_read(client, worker, minio):
    worker.say(200, {**RESULT, "image_url": f"{minio.url}/x.png"})
    answer = client.get("/generate.png?prompt=a")
    assert (answer.status_code, answer.json["code"], minio.asked) == (502, "picture_unavailable", [])


@pytest.mark.parametrize(
    "address",
    ["{}", "{}0/x.png", "{}@evil.example/x.png", "{}.evil.example/x.png", " {}/x.png", "{}\\x.png", "{}?/x.png"],
)
def test_only_what_is_at_a_named_origin_is_read(worker, minio, address):
    pictures = RemotePictures(WorkerClient(Settings(perchance_worker_url=worker.url)), (minio.url,))
    with pytest.raises(PictureUnavailable, match="none of a public https host"):
        read(pictures, at(address.format(minio.url)))
    assert minio.asked == []


def test_another_scheme_is_another_origin(worker, minio):
    named = minio.url.replace("http:", "https:")
    pictures = RemotePictures(WorkerClient(Settings(perchance_worker_url=worker.url)), (named,))
    with pytest.raises(PictureUnavailable, match="none of a public https host"):
        read(pictures, at(f"{minio.url}/x.png"))


def test_a_named_origin_s_redirect_is_not_followed_either(trusting_client, minio):
    with ScriptedServer() as other:
        minio.say(302, Location=f"{other.url}/x.png")
        assert "HTTP 302" in trusting_client.get("/generate.png?prompt=a").json["error"]
        assert other.asked == []


@pytest.mark.parametrize("origins", ["*", "minio:9000", "http://minio:9000/", "http://minio:9000/path", "http://a b"])
def test_an_invalid_origin_is_refused(origins):
    with pytest.raises(ValidationError, match="picture_origins"):
        Settings(picture_origins=origins)
