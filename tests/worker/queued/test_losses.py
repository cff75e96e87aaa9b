"""A Celery worker that is killed, stopped, cut off or told to cancel, while it makes a picture."""

import signal
import time

import pytest

from render_worker.contract import LEASE_SECONDS, ErrorLine, ResultLine, queue_key
from tests.fakes.processes import left_of, wait_until
from tests.worker.queued.conftest import asked, events, prompt

PUT_BACK_SECONDS = 4.0


def test_a_killed_worker_loses_its_lease_and_another_makes_the_next_attempt(shared_queue, start):
    killed = start("killed")
    request = shared_queue.send(prompt=prompt(seconds=30), queue="killed")
    shared_queue.begun(request)
    killed.kill()
    wait_until(lambda: shared_queue.status(request) == "lost", "the loss", seconds=LEASE_SECONDS + 5)
    shared_queue.send(request, attempt=2, prompt=prompt())
    assert isinstance(shared_queue.ended(request), ResultLine)
    assert shared_queue.news(request) == [("begun", 1), ("begun", 2), ("ended", 2)]
    shared_queue.forget_unacknowledged()


def test_a_stopped_worker_finishes_what_is_nearly_done_and_puts_back_the_rest(shared_queue, start, service, worker):
    stopped, text = start("stopped"), prompt(seconds=30)
    assert "not enabled; it can make those of auto, openai, sketch." in stopped.log()
    request = shared_queue.send(prompt=text, queue="stopped")
    asked(service, text)
    short = prompt(seconds=1)
    nearly_done = shared_queue.send(prompt=short, queue="stopped")
    asked(service, short)
    tree, begun = stopped.tree(), time.monotonic()
    stopped.process.send_signal(signal.SIGTERM)
    wait_until(lambda: shared_queue.waiting("stopped") == 1, "the message in its queue")
    assert time.monotonic() - begun < PUT_BACK_SECONDS
    assert shared_queue.status(request) == "queued"
    assert isinstance(shared_queue.ended(nearly_done), ResultLine)
    stopped.process.wait(8)
    assert not left_of(tree)
    assert stopped.process.returncode == 0
    assert "Traceback" not in stopped.log()
    shared_queue.app.control.add_consumer("stopped", destination=[worker.name])
    assert isinstance(shared_queue.ended(request), ResultLine)
    assert shared_queue.news(request) == [("begun", 1), ("returned", 1), ("begun", 1), ("ended", 1)]
    wait_until(lambda: events(service, text) == ["begun", "left", "begun", "made"], "the end of what was put back")
    shared_queue.all_done_with()


def test_what_may_have_been_billed_all_it_may_cost_is_not_put_back(shared_queue, start, service):
    worker, text = start("billed", ENGINE_PRICES="openai=0.04"), prompt(seconds=30)
    request = shared_queue.send(prompt=text, queue="billed", max_price=0.05)
    asked(service, text)
    worker.stop(signal.SIGTERM)
    ended = shared_queue.ended(request)
    assert (ended.error.code, ended.error.cost) == ("worker_unavailable", 0.04)
    assert shared_queue.news(request) == [("begun", 1), ("ended", 1)]
    shared_queue.all_done_with()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT])
def test_other_ways_of_stopping_put_back_too(shared_queue, start, how):
    worker = start(how.name)
    request = shared_queue.send(prompt=prompt(seconds=30), queue=how.name)
    shared_queue.begun(request)
    worker.stop(how)
    wait_until(lambda: shared_queue.waiting(how.name) == 1, "the message in its queue")
    assert shared_queue.news(request) == [("begun", 1), ("returned", 1)]


def test_a_cancelled_picture_ends_within_two_seconds(shared_queue, service):
    text = prompt(seconds=30)
    request = shared_queue.send(prompt=text)
    asked(service, text)
    begun = time.monotonic()
    shared_queue.states.cancel([request])
    line = shared_queue.ended(request)
    assert time.monotonic() - begun < 2
    assert isinstance(line, ErrorLine)
    assert (line.status, line.error.code) == (409, "cancelled")
    wait_until(lambda: events(service, text) == ["begun", "left"], "the end of the service's work")
    shared_queue.all_done_with()


def test_cut_connections_begin_nothing_again(shared_queue, service):
    texts = [prompt(seconds=3) for _ in range(4)]
    requests = [shared_queue.send(prompt=text) for text in texts]
    for request in requests:
        shared_queue.begun(request)
    shared_queue.redis.client_kill_filter(_type="normal", skipme=True)
    shared_queue.redis.client_kill_filter(_type="pubsub", skipme=True)
    assert all(isinstance(shared_queue.ended(request), ResultLine) for request in requests)
    shared_queue.all_done_with()
    assert all(shared_queue.news(request) == [("begun", 1), ("ended", 1)] for request in requests)
    assert all(events(service, text) == ["begun", "made"] for text in texts)


def test_a_flushed_redis_gets_the_lease_and_the_end_again(shared_queue, service):
    text = prompt(seconds=3)
    request = shared_queue.send(prompt=text)
    shared_queue.begun(request)
    shared_queue.redis.flushall()
    shared_queue.begun(request)
    shared_queue.send(request, prompt=text)  # as the API tier does
    assert isinstance(shared_queue.ended(request), ResultLine)
    assert events(service, text) == ["begun", "made"]


def test_a_redis_that_is_away_as_the_picture_ends_gets_it_later(shared_queue, worker, service):
    text, before = prompt(seconds=1), len(worker.log())
    with_end = shared_queue.send(prompt=text)
    asked(service, text)
    shared_queue.server.stop()
    try:
        wait_until(lambda: events(service, text) == ["begun", "made"], "the picture")
        wait_until(lambda: "which is repeated" in worker.log()[before:], "a call that fails")
    finally:
        shared_queue.server.start()
    assert isinstance(shared_queue.ended(with_end), ResultLine)


def test_a_lease_that_another_has_ends_the_work_without_a_word(shared_queue, service):
    text = prompt(seconds=30)
    request = shared_queue.send(prompt=text)
    asked(service, text)
    shared_queue.redis.set(queue_key(request, "lease"), "another:1", ex=60)
    wait_until(lambda: events(service, text) == ["begun", "left"], "the end of the work")
    shared_queue.all_done_with()
    assert shared_queue.news(request) == [("begun", 1)]
    assert shared_queue.status(request) == "running"


def test_a_message_that_comes_twice_is_made_once(shared_queue, service):
    text = prompt(seconds=3)
    request = shared_queue.send(prompt=text)
    shared_queue.begun(request)
    shared_queue.send(request, prompt=text)
    wait_until(
        lambda: not shared_queue.waiting() and shared_queue.unacknowledged() == 1, "the end of the second message"
    )
    assert isinstance(shared_queue.ended(request), ResultLine)
    assert events(service, text) == ["begun", "made"]
    assert shared_queue.news(request) == [("begun", 1), ("ended", 1)]
