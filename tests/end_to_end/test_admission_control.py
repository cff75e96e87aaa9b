"""Admission control: a client's share of the concurrency slots and streams, and the requests that it abandons."""

import contextlib
import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import wait

import pytest
import requests
import simple_websocket

from tests.api.conftest import RESULT
from tests.api.test_health import WORKER_HEALTH
from tests.end_to_end.test_streams import conversation, open_stream, socket_to, stream_of
from tests.fakes.processes import Server, api, wait_until

GREEDY, OTHER = "127.0.0.2", "127.0.0.3"  # loopback has as many addresses as are needed
UPGRADE = (
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
SOCKET = "/stream/generate/txt2img"


@contextlib.contextmanager
def opener(front: Server) -> Iterator:
    """Yield a function that sends a request from any address; close all connections when done."""
    with contextlib.ExitStack() as connections:

        def send(path: str, source: str = GREEDY, headers: str = "") -> socket.socket:
            address = ("127.0.0.1", front.port)
            connection = socket.create_connection(address, timeout=30, source_address=(source, 0))
            connections.enter_context(connection)
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n".encode())
            return connection

        yield send


def head(connection: socket.socket) -> tuple[int, dict[str, str]]:
    """Return the status and headers of the response on a connection."""
    text = b""
    while b"\r\n\r\n" not in text:
        piece = connection.recv(1)
        assert piece, "the connection was closed"
        text += piece
    first, *lines = text.decode().strip().split("\r\n")
    return int(first.split()[1]), {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}


def response(connection: socket.socket) -> tuple[int, dict]:
    """Return the status and body of the plain JSON response on a connection."""
    status, headers = head(connection)
    body = b""
    while len(body) < int(headers["content-length"]):
        body += connection.recv(4096)
    return status, json.loads(body)


def test_no_client_has_more_than_its_share_of_streams(scripted):
    stream_of(scripted, 4)
    with (
        api(GRACEFUL_TIMEOUT_SECONDS=1, PERCHANCE_WORKER_URL=scripted.url, MAX_STREAMS_PER_CLIENT=3) as front,
        opener(front) as send,
    ):
        assert head(send(SOCKET, headers=UPGRADE))[0] == 101
        streams = [send(f"/generate?prompt={it}", headers="Accept: text/event-stream\r\n") for it in range(2)]
        assert [head(it)[0] for it in streams] == [200, 200]
        for path, headers in ((SOCKET, UPGRADE), ("/generate?prompt=c", "Accept: text/event-stream\r\n")):
            status, body = response(send(path, headers=headers))
            assert (status, body["code"], body["retry_after"]) == (429, "too_many_streams", 5)
        assert head(send(SOCKET, OTHER, UPGRADE))[0] == 101
        plain = send("/generate?prompt=d")
        streams.pop().close()  # its slot is released when that is noticed, by a write or at the end
        wait_until(lambda: head(send(SOCKET, headers=UPGRADE))[0] == 101, "the slot of the abandoned stream")
        assert head(plain)[0] == 200


def test_a_follower_and_a_resumed_stream_count_like_the_first(scripted):
    stream_of(scripted, 5)
    with (
        api(GRACEFUL_TIMEOUT_SECONDS=1, PERCHANCE_WORKER_URL=scripted.url, MAX_STREAMS_PER_CLIENT=2) as front,
        opener(front) as send,
    ):
        first = send("/generate?prompt=a&seed=7", headers="Accept: text/event-stream\r\n")
        head(first)
        text = b""
        while b"\nid: " not in text or not text.endswith(b"\n"):
            text += first.recv(1)
        mark = f"Last-Event-ID: {text.rpartition(b'id: ')[2].decode().strip()}\r\n"
        second = send("/generate?prompt=a&seed=7", headers="Accept: text/event-stream\r\n")
        assert head(second)[0] == 200
        for more in ("", mark):
            assert response(send("/generate?prompt=a&seed=7", headers=f"Accept: text/event-stream\r\n{more}"))[0] == 429
        second.close()
        wait_until(
            lambda: head(send("/generate?prompt=a", headers=f"Accept: text/event-stream\r\n{mark}"))[0] == 200,
            "the slot of the abandoned follower",
        )
    assert len(scripted.asked_to_make()) == 1


def test_every_waiting_request_holds_a_concurrency_slot(scripted):
    """Hold slots by an idle WebSocket, an event stream, and identical requests."""
    stream_of(scripted, 3)
    with (
        api(GRACEFUL_TIMEOUT_SECONDS=1, PERCHANCE_WORKER_URL=scripted.url, MAX_GENERATIONS=4) as front,
        opener(front) as send,
    ):
        websocket = send(SOCKET, headers=UPGRADE)
        assert head(websocket)[0] == 101
        assert head(send("/generate?prompt=a&seed=7", headers="Accept: text/event-stream\r\n"))[0] == 200
        waiting = [send("/generate?prompt=a&seed=7") for _ in range(3)]
        wait_until(lambda: readable(waiting), "a refusal")
        (refused,) = readable(waiting)
        status, body = response(refused)
        assert (status, body["code"], body["retry_after"]) == (503, "service_busy", 15)
        assert response(send(SOCKET, headers=UPGRADE))[1]["code"] == "service_busy"
        websocket.close()
        wait_until(lambda: head(send(SOCKET, headers=UPGRADE))[0] == 101, "the WebSocket's slot")
        assert [head(it)[0] for it in waiting if it is not refused] == [200, 200]
    assert len(scripted.asked_to_make()) == 1


def readable(connections: list[socket.socket]) -> list[socket.socket]:
    """Return the connections on which something has been received."""
    return wait(connections, 0)


def test_a_picture_over_the_only_slot(scripted):
    """Generate in the WebSocket's own slot: it needs no second one."""
    stream_of(scripted, 0.2)
    with api(GRACEFUL_TIMEOUT_SECONDS=1, PERCHANCE_WORKER_URL=scripted.url, MAX_GENERATIONS=1) as front:
        websocket = socket_to(front)
        for number in range(3):
            message = json.dumps({"prompt": f"tree {number}"})
            assert conversation(websocket, message)[-1]["event"] == "result"
        assert requests.get(f"{front.url}/generate?prompt=a", timeout=10).json()["code"] == "service_busy"
        websocket.close()
        wait_until(lambda: requests.get(f"{front.url}/generate?prompt=a", timeout=30).ok, "its place")
        for _ in range(3):
            with open_stream(f"{front.url}/generate", prompt="b") as stream:
                assert stream.status_code == 200
                assert b"event: result" in stream.content
            wait_until(lambda: requests.get(f"{front.url}/generate?prompt=a", timeout=30).ok, "its place")


def test_an_idle_websocket_ends_and_one_at_work_does_not(scripted):
    stream_of(scripted, 17)
    with api(GRACEFUL_TIMEOUT_SECONDS=1, PERCHANCE_WORKER_URL=scripted.url) as front, ThreadPoolExecutor(1) as pool:
        idle, working = socket_to(front), socket_to(front)
        made = pool.submit(lambda: [working.send('{"prompt": "a"}'), *(working.receive(25) for _ in range(3))])
        begun = time.monotonic()
        with pytest.raises(simple_websocket.ConnectionClosed) as closed:
            idle.receive(60)
        assert closed.value.reason == 1000
        assert 29 < time.monotonic() - begun < 45
        assert json.loads(made.result()[-1])["event"] == "result"
        working.close()


ASLEEP = (502, b"<html>")
QUEUED = b'{"event": "progress", "phase": "queued", "message": "Waiting.", "position": 3}\n'
GENERATING = b'{"event": "progress", "phase": "generating", "message": "Making."}\n'
LAST = json.dumps({"event": "result", "result": RESULT}).encode() + b"\n"
NDJSON = "application/x-ndjson"


def sleep(scripted) -> None:
    scripted.say(*ASLEEP, X_Service="edge")


def awake(scripted) -> None:
    scripted.say(200, RESULT)
    scripted.say_to("/health", 200, WORKER_HEALTH)


def test_requests_abandoned_during_a_cold_start_hold_no_slots(scripted):
    """Send more requests than there are slots and disconnect; two of them are kept for a retry."""
    sleep(scripted)
    with (
        api(GRACEFUL_TIMEOUT_SECONDS=1, PERCHANCE_WORKER_URL=scripted.url, MAX_GENERATIONS=50) as front,
        opener(front) as send,
    ):
        left = [send(f"/generate?prompt=left&seed={number}") for number in range(60)]
        wait_until(lambda: len(readable(left)) == 10, "the refusals")
        for connection in left:
            connection.close()
        waiting = all_waiting(send, 48)
        scripted.requests.clear()
        awake(scripted)
        assert {head(it)[0] for it in waiting} == {200}
        wait_until(lambda: len(scripted.asked_to_make()) == 50, "what was kept")
    assert len({it["seed"] for it in scripted.asked_to_make() if it["prompt"] == "left"}) == 2


def all_waiting(send, count: int) -> list[socket.socket]:
    """Send `count` requests of another client, again and again until none is refused; return their connections."""
    while True:
        time.sleep(2.5)  # a disconnect is noticed within a second
        waiting = [send(f"/generate?prompt=other&seed={number}", OTHER) for number in range(count)]
        time.sleep(1.5)
        if not readable(waiting):
            return waiting
        for connection in waiting:
            connection.close()


@pytest.mark.parametrize("said", [(), (QUEUED,)], ids=["silent", "queued"])
def test_requests_abandoned_before_the_worker_began_them_hold_no_slots(scripted, said):
    """Disconnect when the requests are at a worker that hangs, or whose queue is long."""
    scripted.say(200, (*said, 60, LAST), Content_Type=NDJSON)
    with (
        api(GRACEFUL_TIMEOUT_SECONDS=1, PERCHANCE_WORKER_URL=scripted.url, MAX_GENERATIONS=20) as front,
        opener(front) as send,
    ):
        left = [send(f"/generate?prompt=left&seed={number}") for number in range(20)]
        wait_until(lambda: len(scripted.asked_to_make()) == 20, "the requests")
        assert response(send("/generate?prompt=more"))[1]["code"] == "service_busy"
        for connection in left:
            connection.close()
        all_waiting(send, 18)


def test_a_generation_that_has_begun_is_completed_after_its_client_left(scripted):
    scripted.say(200, (GENERATING, 4, LAST), Content_Type=NDJSON)
    with api(GRACEFUL_TIMEOUT_SECONDS=1, PERCHANCE_WORKER_URL=scripted.url) as front, opener(front) as send:
        left = [send(f"/generate?prompt=left&seed={number}") for number in range(5)]
        wait_until(lambda: len(scripted.asked_to_make()) == 5, "the requests")
        time.sleep(1)  # until the worker's first progress has arrived
        for connection in left:
            connection.close()
        time.sleep(2)  # an abandoned request would be cancelled by now
        again = [send(f"/generate?prompt=left&seed={number}") for number in range(5)]
        assert {(status, headers["x-cache"]) for status, headers in map(head, again)} <= {(200, "JOINED"), (200, "HIT")}
    assert len(scripted.asked_to_make()) == 5


def test_a_client_that_left_may_come_back_for_a_kept_request(scripted):
    sleep(scripted)
    with api(GRACEFUL_TIMEOUT_SECONDS=1, PERCHANCE_WORKER_URL=scripted.url) as front, opener(front) as send:
        send("/generate?prompt=a&seed=7").close()
        time.sleep(2.5)  # until the disconnect is noticed
        again = send("/generate?prompt=a&seed=7")
        time.sleep(0.5)
        scripted.requests.clear()
        awake(scripted)
        assert (head(again)[0], len(scripted.asked_to_make())) == (200, 1)


def test_a_client_that_only_stopped_sending_gets_its_response(scripted):
    sleep(scripted)
    with api(GRACEFUL_TIMEOUT_SECONDS=1, PERCHANCE_WORKER_URL=scripted.url) as front, opener(front) as send:
        connections = [send(f"/generate?prompt=a{number}") for number in range(2)]
        for connection in connections:
            connection.shutdown(socket.SHUT_WR)
        time.sleep(2.5)
        awake(scripted)
        assert [head(it)[0] for it in connections] == [200, 200]


def test_no_client_has_more_than_half_of_the_slots_while_others_wait(scripted):
    sleep(scripted)
    with (
        api(GRACEFUL_TIMEOUT_SECONDS=1, PERCHANCE_WORKER_URL=scripted.url, MAX_GENERATIONS=20) as front,
        opener(front) as send,
    ):
        greedy = [send(f"/generate?prompt=greedy{number}") for number in range(25)]
        wait_until(lambda: len(readable(greedy)) == 5, "the refusals")
        other = [send(f"/generate?prompt=other{number}", OTHER) for number in range(12)]
        wait_until(lambda: (len(readable(greedy)), len(readable(other))) == (15, 2), "half for each")
        refused = readable(greedy) + readable(other)
        assert {response(it)[1]["code"] for it in refused} == {"service_busy"}
        awake(scripted)
        assert [head(it)[0] for it in greedy + other if it not in refused] == [200] * 20


def test_idle_websockets_of_one_client_are_evicted_for_other_clients(scripted):
    with (
        api(GRACEFUL_TIMEOUT_SECONDS=1, PERCHANCE_WORKER_URL=scripted.url, MAX_GENERATIONS=4) as front,
        opener(front) as send,
    ):
        sockets = [send(SOCKET, headers=UPGRADE) for _ in range(4)]
        assert [head(it)[0] for it in sockets] == [101] * 4
        assert response(send("/generate?prompt=a"))[1]["code"] == "service_busy"
        assert head(send("/generate?prompt=a", OTHER))[0] == 200
        wait_until(lambda: readable(sockets), "the close frame")
        (closed,) = readable(sockets)
        assert (closed is sockets[3], int.from_bytes(closed.recv(4)[2:])) == (True, 1013)
