"""Pictures whose host breaks off, lies about their length, or never ends: through an API tier on a real server."""

import http.client
import itertools
import json
import re

import pytest
import requests

from image_api.remote_pictures import MAX_PICTURE_BYTES
from tests.api.conftest import NAME, PICTURE, RESULT
from tests.fakes.processes import api, wait_until
from tests.fakes.raw_worker import raw_worker

IMAGE = f"/images/{NAME}"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
B64 = {"prompt": "a", "response_format": "b64_json"}
ALL = ["/images", "/generate.png", "b64_json"]


@pytest.fixture(scope="module")
def raw():
    with raw_worker() as worker:
        yield worker


@pytest.fixture(scope="module")
def server(raw):
    with api(PERCHANCE_WORKER_URL=raw.url, WORKER_WAKE_SECONDS=0) as running:
        yield running


def ask(server, raw, way: str, **headers: str) -> requests.Response:
    """Request the worker's picture in one of three ways; the worker responds as scripted."""
    if way == "/images":
        return requests.get(server.url + IMAGE, headers=headers, timeout=30)
    result = json.dumps(RESULT).encode()
    head = b"HTTP/1.1 200 OK\r\nX-Service: render-worker\r\nConnection: close\r\n\r\n"
    picture = list(itertools.islice(raw.pieces, 2000))
    raw.pieces = iter(())
    answers = [[head + result], picture]
    raw.next_answers(answers)
    if way == "/generate.png":
        return requests.get(f"{server.url}/generate.png?prompt=a", timeout=30)
    return requests.post(f"{server.url}/v1/images/generations", json=B64, timeout=30)


def failure(answer: requests.Response) -> tuple[int, str]:
    body = answer.json()
    return answer.status_code, (body["error"] if isinstance(body["error"], dict) else body)["code"]


def no_traceback(server) -> None:
    assert "Traceback" not in server.log()


@pytest.mark.parametrize("way", ALL)
@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (b"Content-Length: 500\r\n", [b""]),
        (CHUNKED, [b""]),
        (CHUNKED, [b"zz\r\n"]),
        (b"Content-Length: 0\r\n", [b""]),
        (b"", [b""]),
        (b"Content-Length: -5\r\n", [PICTURE]),
        (b"Content-Length: 9999999999\r\n", [PICTURE]),
        (b"Content-Length: " + b"9" * 5000 + b"\r\n", [PICTURE]),
        (b"Content-Encoding: gzip\r\n", [PICTURE]),
    ],
    ids=["no byte", "no chunk", "no size", "empty", "nothing", "negative", "too large", "5000 digits", "packed"],
)
def test_a_picture_that_breaks_off_before_its_first_byte_is_an_error(server, raw, way, headers, body):
    raw.say("200 OK", headers, body)
    assert failure(ask(server, raw, way)) == (502, "picture_unavailable")
    no_traceback(server)


@pytest.mark.parametrize("way", ALL)
@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (b"Content-Length: 500\r\n", [PICTURE]),
        (CHUNKED, [b"5\r\nabcde\r\n"]),
        (CHUNKED, [b"5\r\nabcde\r\nzz\r\n"]),
    ],
    ids=["length", "chunks", "chunk"],
)
def test_one_that_breaks_off_later_is_no_whole_response(server, raw, way, headers, body):
    raw.say("200 OK", headers, body)
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        ask(server, raw, way)
    wait_until(lambda: ": response aborted: " in server.log(), "the line in the log")
    no_traceback(server)


def test_one_without_end_is_cut(server, raw):
    raw.say("200 OK", b"", itertools.repeat(b"x" * 100_000, 2 * MAX_PICTURE_BYTES // 100_000))
    sizes: list[int] = []
    with requests.get(server.url + IMAGE, stream=True, timeout=30) as answer:
        with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
            sizes.extend(len(piece) for piece in answer.iter_content(65536))
    got = sum(sizes)
    assert MAX_PICTURE_BYTES - 1_000_000 < got <= MAX_PICTURE_BYTES
    no_traceback(server)


def test_what_is_longer_than_its_content_length_is_cut_there(server, raw):
    raw.say("200 OK", b"Content-Length: 5\r\n", [b"abcdefgh"])
    assert ask(server, raw, "/images").content == b"abcde"


@pytest.mark.parametrize(
    "status", ["200 OK", "206 Partial Content", "416 Range Not Satisfiable", "304 Not Modified", "999 X"]
)
def test_only_what_was_asked_for_is_passed_on(server, raw, status):
    raw.say(
        status, b"Content-Range: bytes 0-3/9\r\nAccept-Ranges: bytes\r\nX-Evil: y\r\nContent-Length: 4\r\n", [b"abcd"]
    )
    answer = ask(server, raw, "/images")
    assert answer.status_code == (200 if status == "200 OK" else 503)
    assert not {"X-Evil", "Content-Range"} & answer.headers.keys()


@pytest.mark.parametrize("told", [b"bytes 0-3/9", b"bytes */9", b"bytes 0-3/*"])
def test_a_range_has_its_own_headers(server, raw, told):
    raw.say("206 Partial Content", b"Content-Length: 4\r\nContent-Range: " + told + b"\r\n", [b"abcd"])
    answer = ask(server, raw, "/images", Range="bytes=0-3")
    assert (answer.status_code, answer.content, answer.headers["Content-Range"]) == (206, b"abcd", told.decode())


@pytest.mark.parametrize("told", [b"bytes 0-3/" + b"9" * 5000, b"lines 1-2/3", b"", b"bytes 0-3/9, bytes 1-2/3"])
def test_a_range_of_another_form_is_invalid(server, raw, told):
    raw.say("206 Partial Content", b"Content-Length: 4\r\nContent-Range: " + told + b"\r\n", [b"abcd"])
    assert failure(ask(server, raw, "/images", Range="bytes=0-3")) == (503, "worker_unavailable")


def test_a_range_that_is_not_satisfiable_is_an_error_in_the_one_shape(server, raw):
    raw.say("416 X", b"Content-Range: bytes */9\r\nContent-Length: 4\r\n", [b"<p>x"])
    answer = ask(server, raw, "/images", Range="bytes=99-")
    assert failure(answer) == (416, "range_not_satisfiable")
    assert (answer.headers["Content-Range"], answer.headers["Cache-Control"]) == ("bytes */9", "no-store")


@pytest.mark.parametrize(
    ("told", "expected"), [(b"7", "7"), (b"-7", None), (b"9" * 5000, None), (b"99999999999", None)]
)
def test_head_has_a_valid_content_length(server, raw, told, expected):
    raw.say("200 OK", b"Content-Length: " + told + b"\r\n")
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    connection.request("HEAD", IMAGE)
    answer = connection.getresponse()
    assert answer.status == (200 if expected else 502)
    if expected:
        assert answer.getheader("Content-Length") == expected
    connection.close()


def test_nothing_of_all_this_left_a_traceback(server):
    assert not re.search("Traceback|Error handling", server.log())
