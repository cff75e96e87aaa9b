"""The broker: what is sent to it, in which order it comes, and what a Redis that is away costs."""

import json
import signal
import subprocess
import time

import pytest

from image_api.dispatch.queued.broker import Broker
from image_api.dispatch.queued.failures import QUEUE_FAILURES, QueueUnavailable
from render_worker.contract import GenerateRequest, QueuedRequest
from tests.api.queued.conftest import queue_of
from tests.fakes.processes import wait_until


def message(request_id: str, attempt: int = 1) -> QueuedRequest:
    request = GenerateRequest(prompt="a secret tree", request_id=request_id)
    return QueuedRequest(request=request, attempt=attempt)


def test_a_message_comes_as_it_was_sent(queue, celery):
    sent = message("a", 3).model_copy(update={"client": "c", "expires_at": 5.5})
    queue.broker.send(sent, "sketch")
    assert celery.take("sketch") == sent


def test_urgent_messages_come_first_and_all_are_counted(queue, celery):
    for name, urgent in [("a", False), ("b", False), ("c", True), ("d", True)]:
        queue.broker.send(message(name), "auto", urgent=urgent)
    assert queue.broker.lengths(["auto", "nothing-there"]) == {"auto": 4, "nothing-there": 0}
    assert [celery.take().request.request_id for _ in range(4)] == ["c", "d", "a", "b"]
    assert queue.broker.lengths(["auto"]) == {"auto": 0}


def test_no_prompt_is_in_the_headers_that_events_and_logs_tell(queue, redis):
    queue.broker.send(message("a"), "auto", urgent=True)
    sent = json.loads(redis.client.lindex("auto", 0))
    assert "secret" not in json.dumps([sent["headers"], sent["properties"]])
    assert sent["headers"]["id"] == "a-1"


def test_a_flush_takes_no_message_from_the_next_ones(queue, redis, celery):
    queue.broker.send(message("a"), "auto")
    redis.client.flushall()
    queue.broker.send(message("b"), "auto")
    assert celery.take().request.request_id == "b"


def test_a_redis_that_is_away_costs_little_and_one_that_is_back_is_used(own_redis):
    queue = queue_of(own_redis)
    queue.publisher.send(message("a"), "auto")
    own_redis.stop()
    for call in (
        lambda: queue.publisher.send(message("b"), "auto"),
        lambda: queue.broker.send(message("b"), "auto"),
        lambda: queue.broker.lengths(["auto"]),
    ):
        begun = time.monotonic()
        with pytest.raises((QueueUnavailable, *QUEUE_FAILURES)):
            call()
        assert time.monotonic() - begun < 4
    own_redis.start()
    assert queue.publisher.send(message("b"), "auto") == "go"
    assert queue.broker.lengths(["auto"]) == {"auto": 1}


def test_a_redis_that_hangs_costs_seconds_and_not_minutes(own_redis):
    queue = queue_of(own_redis)
    queue.publisher.send(message("a"), "auto")
    own_redis._process.send_signal(signal.SIGSTOP)
    try:
        for call in (lambda: queue.broker.send(message("b"), "auto"), lambda: queue.broker.lengths(["auto"])):
            begun = time.monotonic()
            with pytest.raises(QUEUE_FAILURES):
                call()
            assert time.monotonic() - begun < 8
    finally:
        own_redis._process.send_signal(signal.SIGCONT)
    assert queue.publisher.send(message("c"), "auto") == "go"


def test_a_unix_socket_with_a_password_will_do(tmp_path, monkeypatch):
    path = tmp_path / "redis.sock"
    with subprocess.Popen(
        ["redis-server", "--port", "0", "--unixsocket", path, "--save", "", "--requirepass", "geheim@"],
        stdout=subprocess.DEVNULL,
    ) as server:
        try:
            wait_until(path.exists, "the socket")
            url = f"unix://{path}?db=2&password=geheim%40"
            monkeypatch.setenv("CELERY_BROKER_URL", url)  # which Celery would read by itself, and not understand
            broker = Broker(url)
            broker.send(message("a"), "auto")
            assert broker.lengths(["auto"]) == {"auto": 1}
        finally:
            server.terminate()


def test_no_error_tells_the_password():
    broker = Broker("redis://:geheim@127.0.0.1:1/0")
    with pytest.raises(QUEUE_FAILURES) as caught:
        broker.send(message("a"), "auto")
    assert "geheim" not in f"{caught.value!r} {caught.value.__cause__!r} {broker!r}"


def test_an_attempt_is_published_once_it_is_announced_and_never_after_a_newer_one(queue, celery):
    assert queue.publisher.send(message("a", 2), "auto", b"the image") == "go"
    assert queue.publisher.send(message("a", 1), "auto") == "old"
    begun = celery.begin()
    assert celery.claims.image("a") == b"the image"
    assert queue.publisher.send(message("a", 2), "auto") == "begun"
    celery.make(begun)
    assert queue.publisher.send(message("a", 3), "auto") == "final"
    assert queue.broker.lengths(["auto"]) == {"auto": 0}
