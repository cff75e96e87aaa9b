"""Request smuggling (HTTP desync): a body is never taken for a request, whatever becomes of its own request."""

import re
import socket
import time

import pytest

from image_api.application import create_app as create_api
from image_api.settings import Settings as ApiSettings
from render_worker.settings import Settings as WorkerSettings
from render_worker.worker import create_app as create_worker
from tests.fakes.processes import api, worker

TOKEN = "a-token-of-the-tests"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: x\r\nX-Padding: " + b"x" * 20 + b"\r\n\r\n"
STATUS = re.compile(rb"HTTP/1\.1 (\d{3})")
READS_BODIES = (
    *("/generate", "/api/v1/generate", "/v1/images/generate", "/v1/images/generations"),
    *("/v1/txt2img", "/api/v1/generate/txt2img", "/models/load", "/loras/load", "/loras/unload"),
)


@pytest.fixture(scope="module", params=["api", "worker"])
def server(request, tmp_path_factory):
    if request.param == "api":
        with api(READ_TIMEOUT_SECONDS=1, WORKER_WAKE_SECONDS=0) as running:
            yield running
    else:
        folder = tmp_path_factory.mktemp("images")
        with worker(READ_TIMEOUT_SECONDS=1, LOCAL_STORAGE_DIR=folder, WORKER_TOKEN=TOKEN) as running:
            yield running


def framed(body: bytes, chunked: bool) -> tuple[bytes, bytes]:
    """Return the header that frames a body, and the body as it is sent."""
    if chunked:
        return b"Transfer-Encoding: chunked", f"{len(body):x}".encode() + b"\r\n" + body + b"\r\n0\r\n\r\n"
    return b"Content-Length: %d" % len(body), body


def received(client: socket.socket) -> bytes:
    """Return everything that is received until the server closes the connection."""
    response = b""
    try:
        while data := client.recv(65536):
            response += data
    except ConnectionResetError:
        pass
    return response


def exchange(server, *parts: bytes | float) -> bytes:
    """Return the responses to some bytes, with pauses between them, on one connection until it is closed."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as client:
        for part in parts:
            if isinstance(part, float):
                time.sleep(part)
                continue
            try:
                client.sendall(part)
            except ConnectionError:
                break
        return received(client)


def statuses(response: bytes) -> list[int]:
    return [int(status) for status in STATUS.findall(response)]


def is_one_that_ends(response: bytes, *expected: int) -> bool:
    head = response.partition(b"\r\n\r\n")[0].lower()
    return statuses(response) in [[status] for status in expected] and b"\r\nconnection: close" in head


AUTHORIZED = f"Host: x\r\nAuthorization: Bearer {TOKEN}\r\n".encode()
REFUSED = {
    "no such path": (b"POST /nothing", AUTHORIZED, (404,)),
    "no such method": (b"POST /health", AUTHORIZED, (405,)),
    "a body that is not asked for": (b"GET /health", AUTHORIZED, (200,)),
    "a picture that is not there": (b"GET /images/x.png", AUTHORIZED, (404,)),
    "HEAD": (b"HEAD /health", AUTHORIZED, (200,)),
    "OPTIONS": (b"OPTIONS /health", AUTHORIZED, (200,)),
}


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("case", REFUSED)
def test_an_unread_body_ends_the_connection(server, case, chunked):
    line, headers, expected = REFUSED[case]
    how, body = framed(SMUGGLED, chunked)
    response = exchange(server, line + b" HTTP/1.1\r\n" + headers + how + b"\r\n\r\n" + body + SMUGGLED)
    assert is_one_that_ends(response, *expected), response[:400]


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_that_is_too_large_ends_the_connection(server, chunked):
    how, body = framed(b" " * 70_000 + SMUGGLED, chunked)
    response = exchange(server, b"POST /generate HTTP/1.1\r\n" + AUTHORIZED + how + b"\r\n\r\n" + body + SMUGGLED)
    assert is_one_that_ends(response, 413), response[:400]


def test_a_late_body_is_a_timeout_and_its_rest_no_request(server):
    head = b"POST /generate HTTP/1.1\r\n" + AUTHORIZED + b"Content-Length: %d\r\n\r\n{" % (1 + len(SMUGGLED))
    response = exchange(server, head, 2.5, SMUGGLED, SMUGGLED)
    assert is_one_that_ends(response, 408), response[:400]
    assert b'"request_timeout"' in response


def test_a_late_chunk_is_a_timeout_and_its_rest_no_request(server):
    head = (
        b"POST /generate HTTP/1.1\r\n" + AUTHORIZED + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n{" % (1 + len(SMUGGLED))
    )
    response = exchange(server, head, 2.5, SMUGGLED, SMUGGLED)
    assert is_one_that_ends(response, 408), response[:400]


@pytest.mark.parametrize(
    "chunk", [b"zz\r\nabc\r\n0\r\n\r\n", b"3\r\nabcd\r\n0\r\n\r\n", b"-1\r\n", b"5 \r\nabcde\r\n", b"\r\n"]
)
def test_a_broken_chunk_ends_the_connection(server, chunk):
    head = b"POST /generate HTTP/1.1\r\n" + AUTHORIZED + b"Transfer-Encoding: chunked\r\n\r\n"
    response = exchange(server, head + chunk + SMUGGLED)
    assert is_one_that_ends(response, 400), response[:400]


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_that_ends_early_is_refused(server, chunked):
    how, body = framed(b'{"prompt": "a tree"}' + b" " * 50, chunked)
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as client:
        client.sendall(b"POST /generate HTTP/1.1\r\n" + AUTHORIZED + how + b"\r\n\r\n" + body[:30])
        client.shutdown(socket.SHUT_WR)
        response = received(client)
    assert is_one_that_ends(response, 400), response[:400]
    assert b"The body is no HTTP: the body ended early." in response
    assert b'"code":"invalid_http"' in response


def test_a_refused_request_is_not_invited_to_send_its_body(server):
    head = b"POST /nothing HTTP/1.1\r\n" + AUTHORIZED + b"Expect: 100-continue\r\nContent-Length: 50\r\n\r\n"
    response = exchange(server, head, 0.3, SMUGGLED)
    assert is_one_that_ends(response, 404), response[:400]


def test_a_request_that_is_read_is_invited_and_its_connection_kept(server):
    head = b"POST /generate HTTP/1.1\r\n" + AUTHORIZED + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as client:
        client.sendall(head)
        assert client.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"{}GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        response = received(client)
    assert statuses(response) == [400, 200]
    assert b"\r\nConnection: keep-alive" in response


@pytest.mark.parametrize(
    "protocol", [b"websocket", b"WebSocket", b"h2c, websocket", b"websocket/13", b"h2c,websocket/13 "]
)
def test_a_refused_upgrade_ends_the_connection(server, protocol):
    upgrade = b"Connection: Upgrade\r\nUpgrade: " + protocol + b"\r\n"
    response = exchange(
        server, b"GET /stream/generate/txt2img HTTP/1.1\r\n" + AUTHORIZED + upgrade + b"\r\n" + SMUGGLED
    )
    assert is_one_that_ends(response, 426, 404), response[:400]


def every_route() -> list[tuple[str, str]]:
    """Return each rule of both tiers as method and path; parameters are x."""
    apps = {
        "api": create_api(ApiSettings(worker_wake_seconds=0)),
        "worker": create_worker(WorkerSettings()),
    }
    return [
        (tier, re.sub(r"<[^>]*>", "x", rule.rule))
        for tier, app in apps.items()
        for rule in app.url_map.iter_rules()
        if not rule.websocket
    ]


@pytest.mark.parametrize("chunked", [False, True])
def test_no_route_takes_a_body_for_a_request(server, chunked):
    tier = "api" if "app:app" in server.process.args else "worker"
    how, body = framed(SMUGGLED, chunked)
    wrong = []
    for path in [path for of, path in every_route() if of == tier]:
        for method in (b"GET", b"POST", b"PUT", b"DELETE", b"OPTIONS"):
            for extra in (AUTHORIZED, b"Host: x\r\n"):
                head = method + b" " + path.encode() + b" HTTP/1.1\r\n" + extra + how + b"\r\n\r\n"
                response = exchange(
                    server, head + body + b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
                )
                kept = statuses(response)[1:] == [200] and method == b"POST" and path in READS_BODIES
                if not kept and not is_one_that_ends(response, *statuses(response)[:1]):
                    wrong.append((method, path, statuses(response)))
    assert not wrong


def test_a_client_without_the_worker_s_token_ends_its_connection(tmp_path):
    how, body = framed(SMUGGLED, False)
    with worker(LOCAL_STORAGE_DIR=tmp_path, WORKER_TOKEN=TOKEN) as server:
        response = exchange(server, b"POST /generate HTTP/1.1\r\nHost: x\r\n" + how + b"\r\n\r\n" + body + SMUGGLED)
    assert is_one_that_ends(response, 401), response[:400]
