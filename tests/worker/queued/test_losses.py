"""A Celery worker that is killed, stopped, cut off or told to cancel, while it makes a picture."""

import signal
import time

import pytest

from render_worker.contract import LEASE_SECONDS, ErrorLine, ResultLine, queue_key
from tests.fakes.processes import left_of, wait_until
from tests.worker.queued.conftest import Queue, Start, asked, events, prompt

PUT_BACK_SECONDS = 4.0


def test_a_killed_worker_loses_its_lease_and_another_makes_the_next_attempt(queue, start, service, slow_service):
    worker = start(slow_service, name="killed")
    request = queue.send(prompt=prompt())
    queue.begun(request)
    worker.kill()
    wait_until(lambda: queue.status(request) == "lost", "the loss", seconds=LEASE_SECONDS + 5)
    start(service, name="next")
    queue.send(request, attempt=2)
    assert isinstance(queue.ended(request), ResultLine)
    assert queue.news(request) == [("begun", 1), ("begun", 2), ("ended", 2)]


def test_a_stopped_worker_puts_its_message_back_and_the_attempt_does_not_count(queue, start, service, slow_service):
    worker, text = start(slow_service, name="stopped"), prompt()
    request = queue.send(prompt=text)
    asked(slow_service, text)
    tree, begun = worker.tree(), time.monotonic()
    worker.process.send_signal(signal.SIGTERM)
    wait_until(lambda: queue.waiting() == 1, "the message in its queue")
    assert time.monotonic() - begun < PUT_BACK_SECONDS
    assert queue.status(request) == "queued"
    worker.process.wait(8)
    assert not left_of(tree)
    assert worker.process.returncode == 0
    assert "Traceback" not in worker.log()
    start(service, name="next")
    assert isinstance(queue.ended(request), ResultLine)
    assert queue.news(request) == [("begun", 1), ("returned", 1), ("begun", 1), ("ended", 1)]
    wait_until(lambda: events(slow_service, text) == ["begun", "left"], "the end of what was put back")


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT])
def test_other_ways_of_stopping_put_back_too(queue, start, slow_service, how):
    worker = start(slow_service)
    request = queue.send(prompt=prompt())
    queue.begun(request)
    worker.stop(how)
    wait_until(lambda: queue.waiting() == 1, "the message in its queue")
    assert queue.news(request) == [("begun", 1), ("returned", 1)]


def test_a_picture_that_is_nearly_done_is_finished_before_the_worker_stops(queue, start, service):
    worker = start(service)
    request = queue.send(prompt=prompt())
    queue.begun(request)
    worker.stop()
    assert isinstance(queue.ended(request), ResultLine)
    assert (queue.waiting(), queue.unacknowledged()) == (0, 0)


def test_a_cancelled_picture_ends_within_two_seconds(queue, start, slow_service):
    start(slow_service)
    text = prompt()
    request = queue.send(prompt=text)
    asked(slow_service, text)
    begun = time.monotonic()
    queue.states.cancel([request])
    line = queue.ended(request)
    assert time.monotonic() - begun < 2
    assert isinstance(line, ErrorLine)
    assert (line.status, line.error.code) == (409, "cancelled")
    wait_until(lambda: events(slow_service, text) == ["begun", "left"], "the end of the service's work")
    queue.all_done_with()


def test_cut_connections_begin_nothing_again(queue, start, patient_service):
    start(patient_service, "-c", "4")
    texts = [prompt() for _ in range(4)]
    requests = [queue.send(prompt=text) for text in texts]
    for request in requests:
        queue.begun(request)
    queue.redis.client_kill_filter(_type="normal", skipme=True)
    queue.redis.client_kill_filter(_type="pubsub", skipme=True)
    assert all(isinstance(queue.ended(request), ResultLine) for request in requests)
    queue.all_done_with()
    assert all(queue.news(request) == [("begun", 1), ("ended", 1)] for request in requests)
    assert all(events(patient_service, text) == ["begun", "made"] for text in texts)


def test_a_flushed_redis_gets_the_lease_and_the_end_again(queue, start, patient_service):
    start(patient_service)
    text = prompt()
    request = queue.send(prompt=text)
    queue.begun(request)
    queue.redis.flushall()
    queue.begun(request)
    queue.send(request, prompt=text)  # as the API tier does
    assert isinstance(queue.ended(request), ResultLine)
    assert events(patient_service, text) == ["begun", "made"]


def test_a_redis_that_is_away_as_the_picture_ends_gets_it_later(queue, start, service):
    text = prompt()
    worker = start(service)
    with_end = queue.send(prompt=text)
    asked(service, text)
    queue.server.stop()
    try:
        wait_until(lambda: events(service, text) == ["begun", "made"], "the picture")
        wait_until(lambda: "which is repeated" in worker.log(), "a call that fails")
    finally:
        queue.server.start()
    assert isinstance(queue.ended(with_end), ResultLine)


def test_a_lease_that_another_has_ends_the_work_without_a_word(queue, start, slow_service):
    start(slow_service)
    text = prompt()
    request = queue.send(prompt=text)
    asked(slow_service, text)
    queue.redis.set(queue_key(request, "lease"), "another:1", ex=60)
    wait_until(lambda: events(slow_service, text) == ["begun", "left"], "the end of the work")
    queue.all_done_with()
    assert queue.news(request) == [("begun", 1)]
    assert queue.status(request) == "running"


def test_a_message_that_comes_twice_is_made_once(queue: Queue, start: Start, patient_service):
    start(patient_service)
    text = prompt()
    request = queue.send(prompt=text)
    queue.begun(request)
    queue.send(request, prompt=text)
    wait_until(lambda: not queue.waiting() and queue.unacknowledged() == 1, "the end of the second message")
    assert isinstance(queue.ended(request), ResultLine)
    assert events(patient_service, text) == ["begun", "made"]
    assert queue.news(request) == [("begun", 1), ("ended", 1)]
