"""The dispatch by the queue, as Celery workers, messages and Redis are lost: each request has its end."""

import threading
import time

import pytest

from image_api.dispatch.queued.broker import Broker
from image_api.dispatch.queued.celery_dispatch import CeleryDispatch
from image_api.dispatch.queued.ended_requests import EndedRequests
from image_api.dispatch.queued.losses import OpenRequest
from image_api.dispatch.queued.queue import CeleryQueue
from image_api.errors import WorkerUnavailable
from image_api.outbound.redis_clients import blocking_client, quick_client
from render_worker.contract import NEWS, SETTLED_SECONDS, GenerateRequest, QueuedRequest, queue_key
from tests.api.queued.celery_side import CelerySide, claim_of
from tests.api.queued.conftest import queue_of
from tests.fakes.processes import wait_until

REDIS_TIMEOUT = 2.0  # of a quick client, and a little more


def test_what_a_lost_celery_worker_made_is_made_again(ask, celery, quick_sweeps):
    call = ask()
    lost = celery.begin()
    celery.die(lost)
    again = celery.begin(attempt=2)
    assert (again.request.request_id, again.attempt) == (lost.request.request_id, 2)
    assert not celery.fail(lost, 503, "worker_busy")  # the failure of an attempt that was given up
    celery.make(again)
    assert call.result()


@pytest.mark.parametrize(("cost", "total"), [(0.0, 0.1), (None, None)])
def test_what_a_lost_celery_worker_was_billed_leaves_nothing_to_spend(ask, celery, quick_sweeps, cost, total):
    call = ask(max_price=0.1)
    lost = celery.begin()
    assert lost.request.max_price == 0.1
    celery.die(lost)
    again = celery.begin(attempt=2)
    assert again.request.max_price == 0
    celery.make(again, cost=cost)
    assert call.result().cost == total


def test_a_picture_of_an_attempt_that_was_given_up_counts(ask, celery, quick_sweeps):
    call = ask()
    lost = celery.begin()
    celery.die(lost)
    celery.take()
    celery.make(lost, engine="slow")
    assert call.result().engine == "slow"


def test_after_four_lost_celery_workers_it_is_given_up(ask, celery, quick_sweeps):
    call = ask()
    for attempt in (1, 2, 3, 4):
        message = celery.begin(attempt=attempt)
        assert message.attempt == attempt
        celery.die(message)
    error = call.error()
    assert isinstance(error, WorkerUnavailable)
    assert "4 of them" in str(error)


@pytest.mark.usefixtures("quick_resends")
def test_what_is_put_back_is_no_loss(ask, celery, quick_sweeps):
    call = ask()
    message = celery.begin()
    assert celery.claims.put_back(claim_of(message))
    again = celery.begin()  # its message was lost, which a sweep finds
    assert again.attempt == 1
    celery.make(again)
    assert call.result()


@pytest.mark.usefixtures("quick_resends")
@pytest.mark.parametrize("taken", [False, True], ids=["in the queue", "by a Celery worker that was killed then"])
def test_a_message_that_is_lost_is_sent_again(ask, celery, redis, quick_sweeps, taken):
    call = ask()
    message = celery.take()
    if not taken:
        redis.client.flushall()
    again = celery.begin()
    assert again.request.request_id == message.request.request_id
    celery.make(again)
    assert call.result()


@pytest.mark.usefixtures("quick_resends")
def test_what_runs_through_a_flush_is_not_begun_twice(ask, celery, redis, quick_sweeps):
    call = ask()
    message = celery.begin()
    for _ in range(3):
        redis.client.flushall()
        for _ in range(10):
            celery.renew_until(message, "kept")
            time.sleep(0.05)
    assert celery.refuses_the_rest()
    celery.make(message)
    assert call.result()


def test_an_end_whose_news_is_lost_is_found(ask, celery, redis, quick_sweeps):
    call = ask()
    message = celery.begin()
    done = threading.Event()

    def trim() -> None:
        while not done.is_set():
            redis.client.xtrim(NEWS, maxlen=0, approximate=False)

    ask.dispatch._tools.queue.news.leave(message.request.request_id)
    threading.Thread(target=trim, daemon=True).start()
    celery.make(message)
    assert call.result(5)
    done.set()


def test_redis_that_comes_late_is_waited_for(own_redis, dispatching, ask):
    own_redis.stop()
    call = ask(dispatching(own_redis))
    wait_until(lambda: [it.phase for it in call.progress] == ["waking"], "a word of the absence")
    own_redis.start()
    celery = CelerySide(own_redis.client)
    celery.make(celery.begin())
    assert call.result()


@pytest.mark.usefixtures("quick_resends")
def test_redis_that_is_lost_with_all_it_had_costs_no_request(own_redis, dispatching, ask, quick_sweeps):
    call = ask(dispatching(own_redis))
    celery = CelerySide(own_redis.client)
    celery.take()
    own_redis.stop()
    own_redis.start()
    celery.make(celery.begin())
    assert call.result()


def test_a_cancellation_is_told_again_until_redis_takes_it(own_redis, dispatching, ask):
    celery = CelerySide(own_redis.client)
    call = ask(dispatching(own_redis))
    message = celery.begin()
    own_redis.suspend()
    call.abort.set()
    assert call.error(2)
    time.sleep(REDIS_TIMEOUT)  # the first try has failed
    own_redis.resume()
    assert celery.renew_until(message, "canceled", 5)


def test_the_end_of_a_picture_is_settled_also_if_redis_was_away_then(own_redis):
    states = queue_of(own_redis).states
    states.announce("made", 1)
    own_redis.suspend()
    EndedRequests(states).settle("made")
    time.sleep(REDIS_TIMEOUT)
    own_redis.resume()
    wait_until(lambda: own_redis.client.ttl(queue_key("made", "attempt")) <= SETTLED_SECONDS, "its settlement")


def test_redis_that_stays_away_is_an_error_that_says_so(own_redis, dispatching, ask):
    own_redis.stop()
    error = ask(dispatching(own_redis, wake_seconds=1)).error()
    own_redis.start()
    assert isinstance(error, WorkerUnavailable)
    assert "queue of the Celery workers does not answer" in str(error)
    assert "Asking again for 1 seconds did not help" in str(error)


@pytest.mark.parametrize(("wake_seconds", "timeout"), [(1, 20), (30, 1)])
def test_without_a_celery_worker_the_error_says_so(redis, dispatching, ask, celery, wake_seconds, timeout):
    call = ask(dispatching(redis, wake_seconds), timeout_seconds=timeout)
    error = call.error()
    assert isinstance(error, WorkerUnavailable)
    assert "No Celery worker takes requests of the queue auto" in str(error)
    wait_until(lambda: redis.client.keys("*:cancel"), "the cancellation of what waits in the queue")
    assert celery.claims.claim(celery.take())[0] == "canceled"


def test_a_redis_that_is_full_is_waited_for_and_named(own_redis, dispatching, ask):
    own_redis.client.config_set("maxmemory", 1)
    call = ask(dispatching(own_redis))
    wait_until(lambda: call.progress, "a word of the refusal")
    assert "refuses commands (OutOfMemoryError)" in call.progress[0].message
    own_redis.client.config_set("maxmemory", 0)
    celery = CelerySide(own_redis.client)
    celery.make(celery.begin())
    assert call.result()


@pytest.mark.usefixtures("quick_resends")
def test_a_broker_of_its_own_that_loses_all_costs_no_request(redis, own_redis, ask, quick_sweeps):
    queue = CeleryQueue(quick_client(redis.url), blocking_client(redis.url), Broker(own_redis.url))
    call = ask(CeleryDispatch(queue, 30))
    broker, celery = CelerySide(own_redis.client), CelerySide(redis.client)
    lost = broker.take()
    own_redis.stop()
    own_redis.start()
    message = CelerySide(own_redis.client).take()
    assert message.request.request_id == lost.request.request_id
    assert celery.claims.claim(message)[0] == "go"
    celery.make(message)
    assert call.result()
    queue.stop()


def test_connections_that_are_cut_again_and_again_cost_no_request(redis, ask, celery, quick_sweeps):
    calls = [ask(prompt=f"p{number}") for number in range(5)]
    for _ in calls:
        redis.client.client_kill_filter(_type="normal", skipme=True)
        message = celery.begin()
        redis.client.client_kill_filter(_type="normal", skipme=True)
        celery.make(message)
    assert all(call.result() for call in calls)


def test_a_lost_celery_worker_is_found_though_the_broker_is_away(redis, own_redis, monkeypatch):
    monkeypatch.setattr("image_api.dispatch.queued.losses.LEASE_SECONDS", 0.0)
    queue = CeleryQueue(quick_client(redis.url), blocking_client(redis.url), Broker(own_redis.url))
    celery, broker = CelerySide(redis.client), CelerySide(own_redis.client)
    requests = [OpenRequest(name, 1, 9.0, "auto") for name in ("lost", "waits")]
    for name in ("lost", "waits"):
        queue.publisher.send(QueuedRequest(request=GenerateRequest(prompt="a", request_id=name), attempt=1), "auto")
    lost = broker.take()
    assert celery.claims.claim(lost)[0] == "go"
    celery.die(lost)
    own_redis.stop()
    sweep = queue.sweep()
    assert [[it.what for it in sweep.look(requests)] for _ in range(2)] == [["running", "queued"], ["lost", "queued"]]
    own_redis.start()
    assert [it.what for it in sweep.look(requests)] == ["lost", "unsent"]


@pytest.mark.parametrize("trouble", ["it is full", "it refuses INFO"])
def test_a_lost_celery_worker_is_found_though_redis_is_not_at_its_best(own_redis, monkeypatch, trouble):
    monkeypatch.setattr("image_api.dispatch.queued.losses.LEASE_SECONDS", 0.0)
    queue, celery = queue_of(own_redis), CelerySide(own_redis.client)
    queue.publisher.send(QueuedRequest(request=GenerateRequest(prompt="a", request_id="it"), attempt=1), "auto")
    celery.die(celery.begin())
    if trouble == "it is full":
        own_redis.client.config_set("maxmemory", 1)
    else:
        own_redis.client.acl_setuser("default", commands=["-info"])
    sweep = queue.sweep()
    assert [sweep.look([OpenRequest("it", 1, 9.0, "auto")])[0].what for _ in range(2)] == ["running", "lost"]
