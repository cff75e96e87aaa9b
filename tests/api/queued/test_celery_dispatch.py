"""The dispatch by the queue: real Redis, and a Celery worker's side that does what a test says."""

import time

import pytest

from image_api.errors import DeadlinePassed, InvalidParameter, Relayed, ServiceBusy, Stopping, WorkerUnavailable
from image_api.sent_images import ImageMemory, SentImage
from render_worker.contract import GenerateRequest, queue_key
from tests.api.pictures import PNG
from tests.api.queued.test_queue_names import report
from tests.fakes.processes import wait_until

PREVIEW = "data:image/jpeg;base64,/9j/4AAQ"


def test_it_works(ask, celery, redis):
    call = ask(seed=5)
    message = celery.begin()
    assert (message.attempt, message.client, message.request.seed) == (1, "client", 5)
    assert 0 < message.request.timeout_seconds <= 20
    assert 0 < message.expires_at - time.time() <= 20
    celery.make(message)
    assert call.result().request_id == "of-a-client"
    final = queue_key(message.request.request_id, "final").encode()
    wait_until(lambda: redis.client.keys(f"*{message.request.request_id}*") == [final], "the settlement")
    assert celery.claims.claim(message)[0] == "final"


def test_the_request_is_the_one_that_was_asked_but_for_its_id_and_time(ask, celery):
    call = ask(width=512, height=768, negative_prompt="fog", prefer="fast", previews=True)
    changes = {"request_id": "of-a-client", "timeout_seconds": 20}
    sent = celery.take().request
    assert sent.model_copy(update=changes) == call.request
    assert isinstance(sent, GenerateRequest)


def test_requests_with_one_id_do_not_meet(ask, celery):
    calls = {name: ask(prompt=name) for name in ("one", "another")}
    for message in [celery.begin(), celery.begin()]:
        celery.make(message, engine=message.request.prompt)
    assert {name: call.result().engine for name, call in calls.items()} == {name: name for name in calls}
    celery.fail((again := ask(prompt="one"), celery.begin())[1], 503, "worker_busy")
    assert again.error().body().code == "worker_busy"
    call = ask(prompt="one")
    celery.make(celery.begin())
    assert call.result()


def test_an_error_is_relayed_as_that_of_its_request(ask, celery):
    call = ask()
    celery.fail(celery.begin(), 503, "engine_resting", retry_after=7, hint="Wait.")
    error = call.error()
    assert isinstance(error, Relayed)
    assert (error.status, error.body().code, error.body().retry_after) == (503, "engine_resting", 7)
    assert error.body().request_id == "of-a-client"


def test_a_deadline_of_the_celery_worker_is_that_of_the_request_only_at_its_end(ask, celery):
    early, late = ask(timeout_seconds=20), ask(timeout_seconds=2)
    for message in [celery.begin(), celery.begin()]:
        celery.fail(message, 504, "timeout", fallback_from=[{"engine": "slow", "code": "timeout"}])
    assert isinstance(early.error(), Relayed)
    error = late.error()
    assert isinstance(error, DeadlinePassed)
    assert [it.engine for it in error.body().fallback_from] == ["slow"]


@pytest.mark.parametrize("wanted", [True, None])
def test_progress_comes_and_previews_if_they_are_wanted(ask, celery, wanted):
    call = ask(previews=wanted)
    message = celery.begin()
    celery.progress(message, "Painting.", PREVIEW)
    wait_until(lambda: any(it.message == "Painting." for it in call.progress), "the progress")
    celery.make(message)
    call.result()
    assert [it.preview for it in call.progress if it.phase == "generating"] == [PREVIEW if wanted else None]


def test_a_request_that_waits_says_so(ask, redis, celery):
    report(redis, "celery@busy", ["auto"], {})
    call = ask()
    wait_until(lambda: [it.phase for it in call.progress] == ["queued"], "the wait in the queue")
    celery.make(celery.begin())
    assert call.result()


def test_an_abort_ends_it_here_and_at_the_celery_worker(ask, celery):
    waits, begun = ask(prompt="begun"), ask(prompt="waits")
    first, second = celery.begin(), celery.take()
    for call in (waits, begun):
        call.abort.set()
        assert isinstance(call.error(2), ServiceBusy)
    assert celery.renew_until(first, "canceled") < 2
    wait_until(lambda: celery.claims.claim(second)[0] == "canceled", "the refusal")


def test_a_cancellation_by_the_requests_id_reaches_each_of_its_calls(ask, celery):
    calls = [ask(prompt="one"), ask(prompt="another")]
    messages = [celery.begin(), celery.begin()]
    ask.dispatch.cancel("someone-elses")
    assert [celery.renew_until(it, "kept") < 1 for it in messages] == [True, True]
    ask.dispatch.cancel("of-a-client")
    for message in messages:
        assert celery.renew_until(message, "canceled") < 2
        celery.fail(message, 409, "cancelled")
    assert {call.error().body().code for call in calls} == {"cancelled"}


def test_a_request_that_is_not_begun_in_time_is_late(ask, redis):
    report(redis, "celery@busy", ["auto"], {})
    error = ask(timeout_seconds=1).error()
    assert isinstance(error, DeadlinePassed)
    assert str(error) == "No Celery worker began this picture within 1 seconds."


def test_a_celery_worker_that_says_nothing_is_late(ask, celery):
    call = ask(timeout_seconds=1)
    celery.begin()
    error = call.error()
    assert isinstance(error, DeadlinePassed)
    assert str(error) == "No Celery worker made this picture within 1 seconds."


def test_an_unknown_model_is_refused_and_sent_nowhere(ask, redis):
    report(redis, "celery@a", ["auto", "sketch"], {"sketch": "sketch"})
    assert isinstance(ask(model="nothing").error(), InvalidParameter)
    assert not redis.client.keys("img_queue:get-*:attempt")


@pytest.mark.usefixtures("quick_resends")
def test_an_image_is_there_for_the_celery_worker_again_if_it_is_lost(ask, celery, redis, quick_sweeps):
    memory = ImageMemory()
    image = SentImage(PNG, memory.take(len(PNG)), memory)
    call = ask(sent=image, image=image.digest)
    message = celery.take()
    assert celery.claims.image(message.request.request_id) == PNG
    redis.client.delete(queue_key(message.request.request_id, "image"))
    again = celery.take()
    assert celery.claims.image(again.request.request_id) == PNG
    assert celery.claims.claim(again)[0] == "go"
    celery.make(again)
    assert call.result()
    wait_until(lambda: not redis.client.keys("*:image"), "the end of the image")


def test_an_image_that_gave_way_is_an_error_that_says_so(ask):
    memory = ImageMemory()
    room = memory.take(len(PNG))
    image = SentImage(PNG, room, memory)
    room.evict()
    assert isinstance(ask(sent=image, image=image.digest).error(), ServiceBusy)


@pytest.mark.parametrize("line", [b"{}", b"\xff", b'{"event":"result","result":{}}', b"[1]"])
def test_an_ending_that_cannot_be_read_is_an_error(ask, celery, redis, line):
    call = ask()
    message = celery.begin()
    redis.client.hset(queue_key(message.request.request_id, "final"), mapping={"number": 1, "made": 1, "line": line})
    assert isinstance(call.error(), WorkerUnavailable | Relayed)
    assert call.error().body().code == "worker_unavailable"


@pytest.mark.parametrize("changes", [{"image_url": "javascript:alert(1)"}, {"engine": "a b"}, {"width": 0}])
def test_a_result_that_no_client_may_get_is_an_error(ask, celery, changes):
    call = ask()
    celery.make(celery.begin(), **changes)
    assert isinstance(call.error(), WorkerUnavailable)


def test_a_stop_ends_every_wait_and_what_is_made_for_it(ask, celery):
    call = ask()
    message = celery.begin()
    ask.dispatch.stop()
    assert isinstance(call.error(2), Stopping)
    assert celery.renew_until(message, "canceled") < 2


def test_many_at_once_get_each_its_own(ask, celery):
    calls = {f"p{number}": ask(prompt=f"p{number}", request_id=f"r{number}") for number in range(60)}
    for _ in calls:
        message = celery.begin()
        celery.make(message, engine=message.request.prompt)
    assert {name: call.result().engine for name, call in calls.items()} == {name: name for name in calls}


def test_a_model_waits_for_the_first_celery_worker_and_leaves_no_queue_of_its_name(ask, celery, redis, monkeypatch):
    monkeypatch.setattr("image_api.dispatch.coalesced_read.READ_TTL_SECONDS", 0.1)
    call = ask(model="flux")
    wait_until(lambda: call.progress, "a word of the absence")
    assert not redis.client.exists("flux")
    report(redis, "celery@a", ["painter"], {"flux": "painter"})
    celery.make(celery.begin("painter"))
    assert call.result()
