"""What waits for its turn waits in the API process: clients take turns, and few messages are in the queue's Redis."""

import contextlib
import time

import pytest

from image_api.dispatch.queued.retried_sends import SENDERS
from image_api.dispatch.queued.urgent_window import MIN_WINDOW, WINDOW_OF_A_SLOT, NoRoom
from image_api.errors import ServiceBusy, WorkerUnavailable
from render_worker.contract import GenerateRequest, QueuedRequest
from tests.api.queued.celery_side import CelerySide
from tests.api.queued.test_queue_names import report
from tests.fakes.processes import wait_until

SECONDS = 1.0  # for which nothing more comes into a queue that is full


def wait_for_length(redis, length: int, queue: str = "auto") -> None:
    wait_until(lambda: redis.client.llen(queue) == length, f"{length} messages in {queue}", 10)


def assert_it_stays(redis, length: int) -> None:
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        assert redis.client.llen("auto") == length
        time.sleep(0.05)


@pytest.mark.parametrize("other", ["b", None])
def test_a_client_with_one_picture_does_not_wait_for_all_of_another(ask, celery, redis, other):
    report(redis, "celery@a", ["auto"], {})
    greedy = [ask(client="a", timeout_seconds=60) for _ in range(40)]
    wait_for_length(redis, MIN_WINDOW)
    modest = ask(client=other, prompt="of the other")
    wait_until(lambda: modest.progress, "its wait for its turn")
    prompts = []
    while not modest.outcome.done():
        message = celery.begin()
        prompts.append(message.request.prompt)
        celery.make(message)
        time.sleep(0.2)  # its picture takes a moment, in which its client is told
    assert len(prompts) <= MIN_WINDOW + 3
    assert not all(call.outcome.done() for call in greedy)


def test_those_of_one_client_are_made_about_in_their_order(ask, celery, redis):
    calls = []
    for number in range(3 * MIN_WINDOW):
        calls.append(ask(prompt=str(number)))
        time.sleep(0.02)
    messages = [celery.begin() for _ in calls]
    assert all(abs(int(it.request.prompt) - place) < SENDERS for place, it in enumerate(messages))
    for message in messages:
        celery.make(message)
    assert all(call.result() for call in calls)


def test_as_many_wait_in_the_queue_as_the_slots_of_its_celery_workers_need(ask, redis):
    for name, queues in [("a", ["auto"]), ("b", ["auto", "sketch"]), ("c", ["sketch"])]:
        report(redis, f"celery@{name}", queues, {}, concurrency=5)
    for _ in range(40):
        ask()
    wait_for_length(redis, 2 * 5 * WINDOW_OF_A_SLOT)
    assert_it_stays(redis, 2 * 5 * WINDOW_OF_A_SLOT)


def test_hang_ups_fill_no_redis_and_what_comes_after_them_has_its_end(ask, celery, redis, dispatching):
    dispatch = dispatching(redis, wake_seconds=2)
    for _ in range(60):
        call = ask(dispatch, prompt="x" * 1900)
        time.sleep(0.01)
        call.abort.set()
        assert isinstance(call.error(), ServiceBusy)
    assert redis.client.llen("auto") <= MIN_WINDOW
    refused = ask(dispatch).error()
    assert isinstance(refused, WorkerUnavailable)
    assert "No Celery worker takes requests of the queue auto" in str(refused)
    assert redis.client.llen("auto") <= MIN_WINDOW
    assert not [it for line in dispatch._tools.sends._lines.values() for it in line.turns._clients]
    waits = ask(dispatch)
    report(redis, "celery@late", ["auto"], {})
    while celery.claims.claim(message := celery.take())[0] == "canceled":
        pass
    celery.make(message)
    assert waits.result()


def test_processes_share_the_room(ask, celery, redis, dispatching):
    one, other = dispatching(redis), dispatching(redis)
    for _ in range(2 * MIN_WINDOW):
        ask(one)
    wait_for_length(redis, MIN_WINDOW)
    for _ in range(20 * MIN_WINDOW):
        call = ask(other)
        time.sleep(0.01)
        call.abort.set()
    assert redis.client.llen("auto") <= 2 * MIN_WINDOW


def test_what_lands_while_the_length_is_read_takes_room(queue, redis, monkeypatch):
    def send() -> None:
        with queue.urgent.room("auto"):
            redis.client.lpush("auto", "a message")

    def read_and_let_land(name: str) -> int:
        monkeypatch.setattr(queue.broker, "urgent_length", read)
        length = read(name)
        redis.client.lpush(name, "the late one")
        on_its_way.close()
        return length

    for _ in range(MIN_WINDOW - 1):
        send()
    redis.client.flushall()  # a Celery worker has taken them
    read, on_its_way = queue.broker.urgent_length, contextlib.ExitStack()
    on_its_way.enter_context(queue.urgent.room("auto"))
    monkeypatch.setattr(queue.broker, "urgent_length", read_and_let_land)
    for _ in range(MIN_WINDOW + 1):
        with contextlib.suppress(NoRoom):
            send()
    assert redis.client.llen("auto") == MIN_WINDOW


def test_a_full_queue_holds_up_no_other_and_jobs_take_no_room(ask, celery, redis):
    report(redis, "celery@a", ["auto", "sketch"], {"sketch": "sketch"})
    for number in range(30):
        request = GenerateRequest(prompt="of a job", request_id=f"job-{number}")
        ask.dispatch._tools.queue.publisher.send(QueuedRequest(request=request, attempt=1), "sketch")
    for _ in range(20):
        ask(client="a")
    wait_for_length(redis, MIN_WINDOW)
    call = ask(client="a", model="sketch")
    wait_for_length(redis, 1, "sketch")
    celery.make(celery.begin("sketch", 3))
    assert call.result()


@pytest.mark.usefixtures("quick_resends")
def test_a_flush_gives_the_room_back(ask, celery, redis, quick_sweeps):
    calls = [ask() for _ in range(2 * MIN_WINDOW)]
    wait_for_length(redis, MIN_WINDOW)
    redis.client.flushall()
    while not all(call.outcome.done() for call in calls):
        celery.make(celery.begin())
        time.sleep(0.05)
    assert all(call.result() for call in calls)


def test_an_idle_queue_costs_no_look_at_its_length(ask, celery, redis):
    redis.client.config_resetstat()
    for _ in range(MIN_WINDOW):
        call = ask()
        celery.make(celery.begin())
        assert call.result()
    assert "cmdstat_llen" not in redis.client.info("commandstats")


def test_while_redis_hangs_all_are_answered_once_their_time_is_over(own_redis, dispatching, ask):
    dispatch = dispatching(own_redis, wake_seconds=2)
    first = ask(dispatch)
    celery = CelerySide(own_redis.client)
    celery.make(celery.begin())
    assert first.result()
    own_redis.suspend()
    try:
        begun = time.monotonic()
        calls = [ask(dispatch, client=f"c{number % 3}", timeout_seconds=60) for number in range(40)]
        errors = [call.error(30) for call in calls]
        assert time.monotonic() - begun < 12  # four at a time took a minute
    finally:
        own_redis.resume()
    assert {type(error) for error in errors} == {WorkerUnavailable}
    assert all("does not answer" in str(error) for error in errors)


def test_a_trouble_before_a_call_came_is_not_counted_against_it(own_redis, dispatching, ask):
    own_redis.stop()
    dispatch = dispatching(own_redis, wake_seconds=4)
    early = ask(dispatch)
    assert isinstance(early.error(), WorkerUnavailable)
    waiting = [ask(dispatch) for _ in range(6)]
    time.sleep(1)
    own_redis.start()
    celery = CelerySide(own_redis.client)
    for _ in waiting:
        celery.make(celery.begin())
    assert all(call.result() for call in waiting)
