"""The render worker's replies are validated as untrusted input."""

import itertools
import json
import time

import pytest

from image_api.dispatch.direct import DirectDispatch
from image_api.dispatch.replies import read_lines
from image_api.services import services_of
from render_worker.contract import NDJSON
from render_worker.serving.deadline import Deadline
from tests.api.conftest import NAME, RESULT
from tests.fakes.raw_worker import raw_worker

IMAGE = f"/images/{NAME}"
LONG = "9" * 5000
FAILED = {"success": False, "error": "No.", "code": "worker_busy"}


@pytest.fixture
def hasty(client_with):
    return client_with(worker_wake_seconds=0)


@pytest.fixture
def raw():
    with raw_worker() as worker:
        yield worker


@pytest.fixture
def before_raw(client_with, raw):
    return client_with(perchance_worker_url=raw.url, worker_wake_seconds=0)


def made(client) -> tuple[int, str]:
    answer = client.get("/generate?prompt=a")
    return answer.status_code, answer.json["code"]


NOT_A_WORKER = (503, "worker_unavailable")


@pytest.mark.parametrize("status", [0, -1, 99, 100, 200, 204, 302, 399, 600, 700, 99999, 10**30])
def test_an_error_s_status_is_one_of_an_error(hasty, worker, status):
    line = json.dumps({"event": "error", "status": status, "error": FAILED}).encode()
    worker.say(200, line + b"\n", Content_Type=NDJSON)
    assert made(hasty) == NOT_A_WORKER


@pytest.mark.parametrize("bound", ["bytes", "deadline"])
def test_a_result_in_the_chunk_that_exceeds_a_bound_is_not_lost(hasty, worker, monkeypatch, bound):
    if bound == "bytes":
        monkeypatch.setattr("image_api.dispatch.replies.MAX_REPLY_BYTES", 100)
    else:
        expired = Deadline.after(-1)
        monkeypatch.setattr("image_api.dispatch.direct.read_lines", lambda reply, _: read_lines(reply, expired))
    line = json.dumps({"event": "result", "result": RESULT}).encode()
    worker.say(200, line + b"\n", Content_Type=NDJSON)
    first, second = (hasty.get("/generate?prompt=a&seed=7") for _ in range(2))
    assert (first.status_code, first.json["image_url"]) == (200, second.json["image_url"])
    assert [answer.headers["X-Cache"] for answer in (first, second)] == ["MISS", "HIT"]


@pytest.mark.parametrize("status", [201, 204, 206, 299, 300, 399, 600, 700, 999])
def test_an_http_status_of_neither_success_nor_error_is_invalid(hasty, worker, status):
    for body in (RESULT, FAILED):
        worker.say(status, body)
        assert made(hasty) == NOT_A_WORKER


@pytest.mark.parametrize("line", [b"0", b"99999", b"-1", b"abc", b"", b"20", b"1000"])
def test_a_status_line_that_is_invalid(before_raw, raw, line):
    raw.pieces = [b"HTTP/1.1 " + line + b" OK\r\n\r\n"]
    assert made(before_raw) == NOT_A_WORKER
    raw.pieces = [b"HTTP/1.1 " + line + b" OK\r\n\r\n"]
    assert before_raw.get(IMAGE).status_code == 503


@pytest.mark.parametrize(
    ("told", "expected"), [(15, 15), (-5, None), (10**30, None), (10**4000, None), (7 * 86400 + 1, None), (0, 0)]
)
def test_a_retry_after_is_relayed_if_it_is_valid(hasty, worker, told, expected):
    worker.say(503, {**FAILED, "retry_after": told, "expected_seconds": told})
    answer = hasty.get("/generate?prompt=a")
    assert (answer.status_code, answer.json["code"]) == (503, "worker_busy")
    assert (answer.json.get("retry_after"), answer.json.get("expected_seconds")) == (expected, expected)
    assert answer.headers.get("Retry-After") == (None if expected is None else str(expected))


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("value", [LONG, "-1", "1.5", "soon", "²"])
def test_an_edge_s_retry_after_of_any_kind_is_taken(client_with, worker, status, value):
    worker.say(status, b"<html>", X_Service="edge", Retry_After=value.encode().decode("latin-1"))
    assert made(client_with(worker_wake_seconds=0.2)) == NOT_A_WORKER


def test_an_error_s_sentence_is_one_line_of_bounded_length(hasty, worker, caplog):
    worker.say(503, {**FAILED, "error": "a\r\nX: y\x00\x1b[31m" + "z" * 900_000, "hint": "h\n" + "h" * 9000})
    answer = hasty.get("/generate?prompt=a")
    assert answer.json["error"].startswith("a  X: y  [31mzzz")
    assert (len(answer.json["error"]), len(answer.json["hint"])) == (1000, 1000)
    assert all(len(record.getMessage()) < 1200 and "\n" not in record.getMessage() for record in caplog.records)


@pytest.mark.parametrize("code", ["", "a b", "a\r\nb", "<b>", "é", "x" * 101])
def test_an_error_s_code_is_a_word(hasty, worker, code):
    worker.say(503, {**FAILED, "code": code})
    assert made(hasty) == NOT_A_WORKER


def test_engines_that_were_passed_over_have_names(hasty, worker):
    engines = [{"engine": "horde", "code": "timeout"}, {"engine": "a\r\nb", "code": "x"}, {"engine": "a", "code": "<"}]
    worker.say(503, {**FAILED, "fallback_from": engines * 100})
    assert hasty.get("/generate?prompt=a").json["fallback_from"] == engines[:1] * 50


@pytest.mark.parametrize(
    "field",
    [
        {"image_url": "javascript:alert(1)"},
        {"image_url": "data:text/html,x"},
        {"image_url": "//evil.example/x.png"},
        {"image_url": "/images/../health"},
        {"image_url": "/health"},
        {"image_url": ""},
        {"image_url": "https://a.example/x\r\nSet-Cookie: a=b"},
        {"image_url": 'https://a.example/"onload="x'},
        {"image_url": "https://a.example/<x>"},
        {"image_url": "https:///x.png"},
        {"image_url": "https://user@a.example/x.png"},
        {"image_url": "https://a.example:99999/x.png"},
        {"image_url": "https://[::/x.png"},
        {"image_url": "https://a.example/" + "x" * 5000},
        {"content_type": "text/html"},
        {"content_type": "image/svg+xml"},
        {"content_type": "image/png\r\nX: y"},
        {"content_type": ""},
        {"width": 0},
        {"height": -1},
        {"width": 10**9},
        {"height": 10**4000},
        {"bytes": -1},
        {"seed": 10**400},
        {"seed": -(10**400)},
        {"engine": "a\r\nX: y"},
        {"engine": ""},
        {"engine": "é"},
        {"storage": "a b"},
        {"model": "x" * 101},
        {"duration_ms": -1},
    ],
    ids=lambda field: str(field)[:60],
)
@pytest.mark.parametrize("path", ["/generate?prompt=a", "/generate.png?prompt=a", "/generate?prompt=a&format=redirect"])
def test_a_result_that_could_be_no_picture_s_is_invalid(hasty, worker, field, path):
    worker.say(200, {**RESULT, **field})
    answer = hasty.get(path)
    assert (answer.status_code, answer.json["code"]) == NOT_A_WORKER
    assert "Location" not in answer.headers


def test_nor_at_the_end_of_a_stream(hasty, worker):
    bad = {"event": "result", "result": {**RESULT, "image_url": "javascript:alert(1)"}}
    worker.say(200, json.dumps(bad).encode() + b"\n", Content_Type=NDJSON)
    assert made(hasty) == NOT_A_WORKER


def test_progress_has_a_message_of_bounded_length_and_valid_numbers(hasty, worker):
    news = {"event": "progress", "phase": "queued", "message": "a\nb" + "c" * 100_000, "position": -3, "step": 10**100}
    first, last = (json.dumps(line).encode() + b"\n" for line in (news, {"event": "result", "result": RESULT}))
    worker.say(200, (first, 1.0, last), Content_Type=NDJSON)  # a client may miss what comes just before the end
    with hasty.get("/generate?prompt=a", headers={"Accept": "text/event-stream"}) as answer:
        events = [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: ")]
    assert events[0]["message"].startswith("a bccc")
    assert len(events[0]["message"]) == 1000
    assert not {"position", "step"} & events[0].keys()
    assert events[1]["seed"] == RESULT["seed"]


def chunked(*pieces: bytes) -> list[bytes]:
    return [f"{len(piece):x}\r\n".encode() + piece + b"\r\n" for piece in pieces]


ENDLESS = {
    "interim answers": [b"HTTP/1.1 100 Continue\r\n\r\n" * 50] * 2000,
    "headers": [b"HTTP/1.1 200 OK\r\n", *([b"X: y\r\n" * 50] * 2000)],
    "a header": [b"HTTP/1.1 200 OK\r\nX: ", *([b"y" * 1000] * 1000)],
    "a chunk's size": [
        b"HTTP/1.1 200 OK\r\nX-Service: render-worker\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"0" * 99999,
    ],
    "chunks that are none": [
        b"HTTP/1.1 200 OK\r\nX-Service: render-worker\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"
    ],
}


@pytest.mark.parametrize("kind", ENDLESS)
def test_what_has_no_end_or_is_no_http_is_an_error(before_raw, raw, kind, caplog):
    for path in ("/generate?prompt=a", IMAGE):
        raw.pieces = ENDLESS[kind]
        answer = before_raw.get(path)
        assert answer.status_code in (502, 503)
        assert answer.json["code"] in ("worker_unavailable", "picture_unavailable")
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize("header", [b"Content-Length: -5\r\n", b": x\r\n", b"\xff: \xfe\r\n", b" x\r\n"])
def test_invalid_headers_leave_no_traceback(before_raw, raw, header, caplog):
    raw.say("200 OK", header + b"Content-Type: application/json\r\n", [json.dumps(RESULT).encode()])
    assert before_raw.get("/generate?prompt=a").status_code in (200, 503)
    assert not [record for record in caplog.records if record.exc_info]


def drops(drop: bytes):
    for _ in range(200):
        yield drop
        time.sleep(0.05)


@pytest.mark.parametrize("start", [b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 100 Continue\r\nX: "])
def test_a_head_that_comes_byte_by_byte_has_a_deadline_as_a_whole(before_raw, raw, start, monkeypatch):
    monkeypatch.setattr("image_api.dispatch.worker_client.QUICK_SECONDS", 0.5)
    raw.pieces = itertools.chain([start], drops(b"y"))
    assert before_raw.get(IMAGE).status_code == 503
    assert raw.asked == 1


def test_a_body_that_comes_byte_by_byte_has_one_too(before_raw, raw, monkeypatch):
    monkeypatch.setattr("image_api.outbound.guarded_connections.BODY_SECONDS", 0.5)
    monkeypatch.setattr("image_api.dispatch.worker_client.QUICK_SECONDS", 0.5)
    raw.say("200 OK", b"Transfer-Encoding: chunked\r\n", drops(b"0"))  # of a chunk's size
    answer = before_raw.get(IMAGE)
    assert (answer.status_code, answer.json["code"]) == (502, "picture_unavailable")


def test_the_body_of_a_redirect_is_not_read(before_raw, raw):
    sent: list[int] = []

    def body():
        for _ in range(400):
            sent.append(1)
            yield b"x" * 1_000_000

    raw.say("302 Found", b"Location: /elsewhere\r\n", body())
    assert made(before_raw) == NOT_A_WORKER
    assert raw.asked == 1
    assert len(sent) < 100


def test_cookies_are_not_kept(client, worker):
    worker.say(200, RESULT, Set_Cookie="a=b")
    for _ in range(2):
        client.get("/generate?prompt=a")
    assert "Cookie" not in worker.requests[-1][2]


def test_a_compressed_reply_is_invalid(hasty, worker):
    worker.say(200, b"\x1f\x8b\x08\x00", Content_Encoding="gzip")
    assert made(hasty) == NOT_A_WORKER


class TestClientHeader:
    def test_the_worker_gets_the_client_s_id(self, client_with, worker):
        dispatch = DirectDispatch(services_of(client_with(worker_token="a").application).worker)
        dispatch.generate(request_of(), print, client="0123abcd")
        assert worker.requests[-1][2]["X-Client-Id"] == "0123abcd"

    @pytest.mark.parametrize(("token", "client"), [(None, "0123abcd"), ("a", None)])
    def test_but_not_without_a_token_nor_without_a_client(self, client_with, worker, token, client):
        dispatch = DirectDispatch(services_of(client_with(worker_token=token).application).worker)
        dispatch.generate(request_of(), print, client=client)
        assert "X-Client-Id" not in worker.requests[-1][2]

    def test_a_stranger_s_own_is_not_passed_on(self, client_with, worker):
        client_with(worker_token="a").get("/generate?prompt=a", headers={"X-Client-Id": "forged"})
        assert worker.requests[-1][2].get("X-Client-Id") != "forged"


def request_of():
    from render_worker.contract import GenerateRequest

    return GenerateRequest(prompt="a", timeout_seconds=5)
