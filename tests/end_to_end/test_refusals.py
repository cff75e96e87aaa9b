"""Every refusal of gunicorn's own, over real connections to both tiers: JSON that says what to do, and a closed end."""

import inspect
import json
import socket

import pytest
from gunicorn.http import errors

from render_worker.serving.refusals import INTERNAL_ERROR, refusal_of
from tests.fakes.processes import Server, api, worker

PAGE = "https://pages.example"
HOST = b"Host: x\r\n"
TLS_HELLO = bytes.fromhex("16030100f8010000f40303") + bytes(240)
PROXY_V2 = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c" + bytes(12)


@pytest.fixture(scope="module")
def api_tier():
    with api(CORS_ORIGINS=f"{PAGE},https://other.example") as running:
        yield running


@pytest.fixture(scope="module")
def render_worker(tmp_path_factory):
    with worker(WORKER_TOKEN="secret", LOCAL_STORAGE_DIR=tmp_path_factory.mktemp("images")) as running:
        yield running


@pytest.fixture(params=["api_tier", "render_worker"])
def server(request):
    return request.getfixturevalue(request.param)


def exchange(server: Server, *parts: bytes) -> tuple[int, dict[str, str], bytes]:
    """Return the response to some bytes; raises TimeoutError unless the server ends the connection soon after it."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as client:
        for part in parts:
            client.sendall(part)
        received = b"".join(iter(lambda: client.recv(65536), b""))
    head, _, body = received.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    return int(first.split(" ")[1]), dict(line.split(": ", 1) for line in lines), body


def get(address: str | bytes, *headers: bytes, method: bytes = b"GET", version: bytes = b"HTTP/1.1") -> bytes:
    target = address.encode() if isinstance(address, str) else address
    return b" ".join((method, target, version)) + b"\r\n" + HOST + b"".join(it + b"\r\n" for it in headers) + b"\r\n"


ENCODE, POST = "percent-encoded", "by POST"
CASES = {
    "Thai as typed": (get("/generate?prompt=แมว"), 400, ENCODE),
    "Latin-1 as typed": (get("/generate?prompt=Käse".encode("latin-1")), 400, ENCODE),
    "an emoji": (get("/generate?prompt=🎨&seed=1"), 400, ENCODE),
    "spaces": (get("/generate?prompt=sunset over mountains"), 400, ENCODE),
    "one space": (get("/generate?prompt=red fox"), 400, ENCODE),
    "Thai as typed, to a proxy": (get("http://a.example/generate?prompt=แมว"), 400, ENCODE),
    "a space and no version": (b"GET /generate?prompt=red fox\r\n\r\n", 400, ENCODE),
    "a tab": (get("/generate?prompt=red\tfox"), 400, ENCODE),
    "a control character": (get("/generate?prompt=\x01"), 400, ENCODE),
    "a long address": (get("/generate?prompt=" + "a" * 70_000), 414, POST),
    "an endless address": (b"GET /generate?prompt=" + b"a" * 300_000, 414, POST),
    "a long header": (get("/", b"A: " + b"b" * 9000), 431, "headers"),
    "many headers": (get("/", *(b"A%d: b" % number for number in range(120))), 431, "headers"),
    "endless headers": (b"GET / HTTP/1.1\r\nA: " + b"b" * 2_000_000, 431, "headers"),
    "a method in lower case": (get("/", method=b"get"), 400, "upper case"),
    "a method with a sign": (get("/", method=b"G@T"), 400, "upper case"),
    "an unknown version": (get("/", version=b"HTTP/3.0"), 400, "HTTP/1.1"),
    "no version of HTTP": (get("/", version=b"FOO/1.1"), 400, "HTTP/1.1"),
    "HTTP/0.9": (b"GET /\r\n\r\n", 400, "GET /path HTTP/1.1"),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9), 400, "HTTP/1.1"),
    "TLS": (TLS_HELLO, 400, "TLS"),
    "TLS with line ends": (TLS_HELLO + b"\r\n\r\n", 400, "TLS"),
    "PROXY protocol": (b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n" + get("/"), 400, "PROXY"),
    "PROXY protocol 2": (PROXY_V2 + get("/"), 400, "PROXY"),
    "no HTTP at all": (b"\x00\x01\x02", 400, "GET /path HTTP/1.1"),
    "SSH": (b"SSH-2.0-OpenSSH_9.9\r\n", 400, "GET /path HTTP/1.1"),
    "SSH after an empty line": (b"\r\nSSH-2.0-OpenSSH_9.9\r\n", 400, "GET /path HTTP/1.1"),
    "a line without an end of the head": (b"GET / HTTP/2.0\r\nHost: x\r\n", 400, "HTTP/1.1"),
    "two empty lines": (b"\r\n\r\n" + get("/"), 400, "GET /path HTTP/1.1"),
    "a relative path": (get("generate"), 400, "GET /path HTTP/1.1"),
    "an invalid URL": (get("http://[/"), 400, "GET /path HTTP/1.1"),
    "a star": (get("*"), 400, "GET /path HTTP/1.1"),
    "bare line feeds": (b"GET / HTTP/1.1\nHost: x\n\n", 400, "CR LF"),
    "a bare line feed in the head": (b"GET / HTTP/1.1\r\nHost: x\n\n", 400, "CR LF"),
    "two hosts": (get("/", b"Host: y"), 400, "one Host"),
    "two types": (get("/", b"Content-Type: a/b", b"Content-Type: a/b"), 400, "one Content-Type"),
    "a space in a name": (get("/", b"a b: c"), 400, "name has a space"),
    "a space after a name": (get("/", b"A : c"), 400, "name has a space"),
    "no colon": (get("/", b"abc"), 400, "'Name: value'"),
    "a control character in a value": (get("/", b"A: b\x01"), 400, "'Name: value'"),
    "a folded header": (get("/", b"A: b", b" c"), 400, "second line"),
    "two lengths": (get("/", b"Content-Length: 1", b"Content-Length: 2"), 400, "Content-Length"),
    "a length in words": (get("/", b"Content-Length: one"), 400, "Content-Length"),
    "a negative length": (get("/", b"Content-Length: -1"), 400, "Content-Length"),
    "a length and chunks": (get("/", b"Content-Length: 1", b"Transfer-Encoding: chunked"), 400, "Content-Length"),
    "chunks in HTTP/1.0": (get("/", b"Transfer-Encoding: chunked", version=b"HTTP/1.0"), 400, "Transfer-Encoding"),
    "a coding without an end": (get("/", b"Transfer-Encoding: gzip"), 400, "Transfer-Encoding"),
    "an unknown coding": (get("/", b"Transfer-Encoding: rot13"), 501, "Transfer-Encoding"),
    "an unknown expectation": (get("/", b"Expect: wonders"), 417, "Expect"),
}


@pytest.mark.parametrize("name", CASES)
def test_the_response_is_json_that_says_what_to_do(server, name):
    sent, status, words = CASES[name]
    found, headers, body = exchange(server, sent)
    error = json.loads(body)
    assert (found, headers["Connection"], headers["Content-Type"]) == (status, "close", "application/json")
    assert int(headers["Content-Length"]) == len(body)
    assert error["code"] == ("too_large" if status in (414, 431) else "invalid_http")
    assert words in error["error"] + error.get("hint", "")
    assert error.get("request_id") == headers.get("X-Request-ID")
    assert headers.get("X-Service", "api") == ("api" if "request_id" in error else "render-worker")


def test_it_arrives_although_the_client_still_sends(server):
    status, _, body = exchange(server, b"GET / HTTP/1.1\r\nA: ", *[b"b" * 65_536] * 40)
    assert (status, json.loads(body)["code"]) == (431, "too_large")


@pytest.mark.parametrize("chunk", [b"zz\r\n\r\n", b"2\r\n{}xx0\r\n\r\n", b"2;\x01\r\n{}\r\n0\r\n\r\n"])
def test_malformed_chunks_are_refused_in_words(server, chunk):
    token = b"Authorization: Bearer secret"
    head = get("/generate", token, b"Content-Type: application/json", b"Transfer-Encoding: chunked", method=b"POST")
    status, headers, body = exchange(server, head, chunk)
    assert (status, headers["Connection"]) == (400, "close")
    error = json.loads(body)
    assert (error["code"], error["error"]) == ("invalid_http", "The body is no HTTP: its chunks are malformed.")


def test_nothing_that_was_sent_is_repeated(server):
    for sent in ("/<script>é", "/\x1b[31mé"):
        assert sent[1:-1].encode() not in exchange(server, get(sent))[2]


def test_a_head_request_gets_no_body(server):
    status, headers, body = exchange(server, get("/généré", method=b"HEAD"))
    assert (status, body) == (400, b"")
    assert int(headers["Content-Length"]) > 100


@pytest.mark.parametrize(
    ("path", "where"),
    [("/v1/images/generations", "error"), ("/v1/models/", "error"), ("/v1/images/generate", ""), ("/generate", "")],
)
def test_the_format_is_that_of_the_family(api_tier, path, where):
    for sent in (get(f"{path}?é"), get(path + "?" + "a" * 70_000), get(path, b"A : b"), get(path, b"Expect: x")):
        error = json.loads(exchange(api_tier, sent)[2])
        error = error[where] if where else error
        assert error["code"] in ("invalid_http", "too_large")
        assert error["error" if path == "/generate" else "message"].endswith(".")


def test_a_page_that_may_ask_can_read_it(api_tier):
    for invalid in (b"Content-Length: x", b"Cookie: " + b"c" * 9000, b"A : b"):
        _, headers, _ = exchange(api_tier, get("/generate", f"Origin: {PAGE}".encode(), invalid))
        assert headers["Access-Control-Allow-Origin"] == PAGE
    _, headers, _ = exchange(api_tier, get("/generate", b"Origin: https://evil.example", b"Content-Length: x"))
    assert "Access-Control-Allow-Origin" not in headers


def test_any_page_can_if_any_may_ask():
    with api() as server:
        assert exchange(server, get("/generate?é"))[1]["Access-Control-Allow-Origin"] == "*"


def test_every_error_of_gunicorn_s_has_an_answer():
    kinds = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, errors.ParseException)]
    ours = (errors.ConfigurationProblem, errors.InvalidResponseHeader, errors.InvalidResponseHeaderName)
    assert len(kinds) > 20
    for kind in kinds:
        assert (refusal_of(kind("x")) is INTERNAL_ERROR) == (kind in ours), kind
