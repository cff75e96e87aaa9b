"""What is in the queue of jobs: little, whatever clients submit and cancel, and nothing by a name that they chose."""

import time

import pytest

from image_api.dispatch.queued import backlog
from image_api.jobs.queued import outbox
from render_worker.contract import queue_key
from tests.api.jobs.runner.test_attempts import png
from tests.api.queued.celery_side import CelerySide
from tests.api.queued.test_queue_names import report
from tests.fakes.processes import wait_until
from tests.fakes.redis_server import RedisServer


@pytest.fixture(autouse=True)
def quick_reads(monkeypatch) -> None:
    monkeypatch.setattr("image_api.dispatch.coalesced_read.READ_TTL_SECONDS", 0.1)
    monkeypatch.setattr(outbox, "POLL_SECONDS", 0.1)
    monkeypatch.setattr(backlog, "READ_SECONDS", 0.0)


def test_an_accepted_job_waits_for_the_celery_worker_of_its_model_and_others_go_on(here, redis, celery):
    report(redis, "celery@a", ["auto", "sketch"], {"sketch": "sketch"})
    waiting, other = here.submit(model="img_queue:workers"), here.submit(model="sketch")
    celery.make(celery.begin("sketch"))
    assert here.final(other).status == "completed"
    assert (here.job(waiting).status, here.value(waiting, "published_at")) == ("pending", None)
    assert celery.redis.type("img_queue:workers") == b"zset"
    report(redis, "celery@b", ["painter"], {"img_queue:workers": "painter"})
    celery.make(celery.begin("painter"))
    assert here.final(waiting).status == "completed"


@pytest.mark.usefixtures("quick_resends")
def test_a_job_that_was_lost_waits_for_its_celery_worker_also_in_a_process_that_knows_none(
    one, processes, redis, celery
):
    report(redis, "celery@b", ["painter"], {"flux": "painter"})
    job = one.submit(model="flux")
    message = celery.begin("painter")
    one.when(job, lambda it: it.status == "processing")
    one.runner.leave()  # this process, Redis's memory of the model, and what makes the picture, all at once
    celery.redis.delete("img_queue:workers")
    report(redis, "celery@a", ["auto", "sketch"], {"sketch": "sketch"})
    after = processes(one.url, redis)
    celery.die(message)
    again = after.when(job, lambda it: it.interruptions)
    published = after.value(job, "published_at")
    wait_until(lambda: after.value(job, "published_at") > published + 1, "it is tried again and again", 10)
    again = after.job(job)
    assert (again.status, again.interruptions, again.attempts) == ("pending", 1, 1)
    report(redis, "celery@b", ["painter"], {"flux": "painter"})
    message = celery.begin("painter", attempt=2)
    assert message.attempt == 2
    celery.make(message)
    assert after.final(job).status == "completed"


def test_jobs_of_models_that_are_not_known_yet_spend_no_attempt_while_redis_is_away(processes, tmp_path):
    with RedisServer() as redis:
        redis.stop()
        here = processes(f"sqlite:///{tmp_path}/jobs.db", redis, max_retries=0)
        jobs = [here.submit(f"owner {number}", model="flux") for number in range(6)]
        for _ in range(10):
            assert {(it.status, it.attempts) for it in map(here.job, jobs)} == {("pending", 0)}
            time.sleep(0.1)
        redis.start()
        report(redis, "celery@b", ["painter"], {"flux": "painter"})
        celery = CelerySide(redis.client)
        for _ in jobs:
            celery.make(celery.begin("painter"))
        assert {here.final(job).attempts for job in jobs} == {1}


def test_clients_that_submit_and_cancel_fill_no_queue(here, celery, monkeypatch):
    monkeypatch.setattr(outbox, "MESSAGES_PER_JOB", 1)
    for number in range(60):
        job = here.submit(n=2)
        if number < 40:
            here.when(job, lambda it: here.value(it, "published_at") or celery.redis.llen("auto\x06\x163") >= 20)
        here.store.cancel(job.id)
        here.runner.cancelled(job.id)
    last = here.submit()
    assert 20 <= celery.redis.llen("auto\x06\x163") < 50
    assert here.value(last, "published_at") is None
    while here.value(last, "published_at") is None:  # the Celery worker refuses what was cancelled
        celery.take(seconds=5)
    celery.make(_when_go(celery))
    assert here.final(last).status == "completed"


def test_an_image_that_has_no_room_in_memory_holds_up_no_other_job(one, celery, caplog):
    memory = one.services.image_memory
    room = memory.take(memory.left)
    waiting = one.submit(image=png(), strength=0.5)
    other = one.submit("another")
    celery.make(celery.begin())
    assert one.final(other).status == "completed"
    assert one.job(waiting).attempts == 0
    memory.give_back(room)
    celery.make(celery.begin())
    assert one.final(waiting).status == "completed"
    assert "its own fault" not in caplog.text


def test_redis_keeps_one_key_of_each_picture_that_was_sent_and_cancelled(one, celery):
    sent = one.submit(n=2)
    wait_until(lambda: celery.redis.llen("auto\x06\x163") == 2, "its messages")
    one.store.cancel(sent.id)
    one.runner.cancelled(sent.id)
    one.runner.drain()
    unsent = one.submit(n=2)
    one.store.cancel(unsent.id)
    one.runner.cancelled(unsent.id)
    expected = {queue_key(f"{sent.id.hex}-{index}", "cancel").encode() for index in range(2)}
    wait_until(lambda: set(celery.redis.keys(f"img_queue:{sent.id.hex}*")) == expected, "the cancellation")
    assert celery.redis.keys(f"img_queue:{unsent.id.hex}*") == []


def _when_go(celery: CelerySide):
    while True:
        message = celery.take()
        if celery.claims.claim(message)[0] == "go":
            return message
