"""What the news of the queue do not tell is found: dead Celery workers, lost messages, a Redis without its memory."""

import time
from functools import partial

import pytest

from image_api.jobs.queued.queued_rows import begin, interrupt
from image_api.jobs.runner.leases import MAX_INTERRUPTIONS
from render_worker.contract import NEWS, ErrorBody, ErrorLine, queue_key
from tests.api.jobs.processes import Process
from tests.api.jobs.queued.conftest import QueuedProcess
from tests.api.queued.celery_side import CelerySide, claim_of
from tests.fakes.processes import wait_until
from tests.fakes.redis_server import RedisServer


def begun(here: QueuedProcess, celery: CelerySide, job, attempt: int = 1):
    """Return the message of a job once its row says that it has begun."""
    message = celery.begin(attempt=attempt)
    assert message.attempt == attempt
    here.when(job, lambda it: (it.status, it.attempts) == ("processing", attempt))
    return message


def test_the_job_of_a_dead_celery_worker_is_sent_again_and_its_late_failure_does_not_count(here, celery):
    job = here.submit()
    first = begun(here, celery, job)
    celery.die(first)
    second = begun(here, celery, job, attempt=2)
    assert here.job(job).interruptions == 1
    assert celery.fail(first, 422, "content_refused") is False
    celery.make(second)
    done = here.final(job)
    assert (done.status, done.attempts) == ("completed", 2)
    assert here.kept() == here.counted() == {}


def test_a_late_picture_of_a_celery_worker_that_was_taken_for_dead_counts(here, celery):
    job = here.submit()
    first = begun(here, celery, job)
    celery.die(first)
    second = celery.take()
    celery.make(first)
    assert here.final(job).status == "completed"
    assert celery.claims.claim(second)[0] == "final"


def test_a_job_that_kills_its_celery_workers_fails(one, celery):
    job = one.submit()
    message = begun(one, celery, job)
    one.set(job, interruptions=MAX_INTERRUPTIONS)
    celery.die(message)
    assert one.final(job).error["code"] == "job_interrupted"
    wait_until(lambda: one.ends, "the news of its end", 5)


def test_one_of_several_pictures_is_lost_and_made_again_alone(here, celery):
    job = here.submit(n=2)
    first, second = begun(here, celery, job), celery.begin()
    celery.die(first)
    again = celery.begin(attempt=2)
    assert (again.request.request_id, again.attempt) == (first.request.request_id, 2)
    celery.make(second)
    celery.make(again)
    assert len(here.final(job).images) == 2


@pytest.mark.usefixtures("quick_resends")
def test_all_jobs_in_the_queue_are_sent_again_after_redis_lost_its_memory(here, celery):
    jobs = [here.submit(f"owner {number}") for number in range(5)]
    wait_until(lambda: all(here.value(it, "published_at") for it in jobs), "their messages", 5)
    celery.redis.flushall()
    made = 0
    while made < len(jobs):  # a message may come twice, and is claimed once
        message = celery.take()
        if celery.claims.claim(message)[0] == "go":
            celery.make(message)
            made += 1
    assert {here.final(job).status for job in jobs} == {"completed"}
    assert {here.job(job).attempts for job in jobs} == {1}


@pytest.mark.usefixtures("quick_resends")
def test_a_job_that_runs_while_redis_loses_its_memory_is_not_begun_twice(here, celery):
    job = here.submit()
    message = begun(here, celery, job)
    celery.redis.flushall()
    for _ in range(10):
        assert celery.claims.renew([claim_of(message)]) == ["kept"]
        time.sleep(0.1)
    assert celery.refuses_the_rest()
    celery.make(message)
    assert here.final(job).attempts == 1


@pytest.mark.usefixtures("quick_resends")
def test_a_job_that_redis_and_its_celery_worker_have_lost_is_made_again(here, celery):
    job = here.submit()
    begun(here, celery, job)
    celery.redis.flushall()
    again = begun(here, celery, job, attempt=2)
    assert here.job(job).interruptions == 1
    celery.make(again)
    assert here.final(job).status == "completed"


@pytest.mark.usefixtures("quick_resends")
def test_a_job_that_was_put_back_is_pending_also_if_no_news_tell_of_it(here, celery):
    job = here.submit()
    message = begun(here, celery, job)
    key = queue_key(message.request.request_id, "attempt")
    celery.redis.delete(queue_key(message.request.request_id, "lease"))
    celery.redis.hset(key, "begun", "0")
    again = here.when(job, lambda it: it.status == "pending")
    assert (again.attempts, again.interruptions) == (0, 0)
    celery.make(celery.begin())
    assert (here.final(job).attempts, here.job(job).status) == (1, "completed")


def test_a_job_that_is_put_back_is_pending_at_once_and_the_same_attempt_begins_again(one, celery):
    job = one.submit()
    message = begun(one, celery, job)
    celery.claims.put_back(claim_of(message))
    assert one.when(job, lambda it: it.status == "pending").attempts == 0
    assert celery.claims.claim(message)[0] == "go"
    assert one.when(job, lambda it: it.status == "processing").attempts == 1


@pytest.mark.parametrize("is_made", [True, False])
def test_news_that_were_trimmed_are_in_what_redis_keeps_of_the_request(one, celery, is_made):
    job = one.submit()
    message = celery.take()
    assert celery.claims.claim(message)[0] == "go"
    celery.redis.delete(NEWS)
    one.when(job, lambda it: it.status == "processing")
    celery.make(message) if is_made else celery.fail(message, 422, "content_refused")
    celery.redis.delete(NEWS)
    assert one.final(job).status == ("completed" if is_made else "failed")


def test_a_failure_that_does_not_count_any_more_leaves_no_job_behind(one, processes, redis, celery):
    job = one.submit()
    message = begun(one, celery, job)
    one.runner.leave()  # the process dies between the row's change and the message
    one.runner._consumer.loop.join(5)
    celery.fail(message, 422, "content_refused")
    one.runner._rows.change([partial(interrupt, seen=one.store.get(job.id), attempt=1)])
    after = processes(one.url, redis)
    again = celery.begin(attempt=2)
    assert again.attempt == 2
    celery.make(again)
    assert after.final(job).status == "completed"


def test_a_picture_whose_row_was_restored_from_a_backup_is_made_again(one, celery):
    job = one.submit()
    celery.make(begun(one, celery, job))
    one.final(job)
    wait_until(lambda: _line(celery, job) == b"", "the end of the request", 5)
    one.set(job, status="processing", images=None, completed_at=None)
    again = celery.begin()
    celery.make(again)
    assert one.final(job).status == "completed"


def test_jobs_wait_while_redis_is_away_and_are_made_when_it_is_back(processes, tmp_path):
    with RedisServer() as redis:
        here = processes(f"sqlite:///{tmp_path}/jobs.db", redis)
        redis.stop()
        job = here.submit()
        cancelled = here.submit()
        here.store.cancel(cancelled.id)
        here.runner.cancelled(cancelled.id)
        assert here.job(job).status == "pending"
        redis.start()
        celery = CelerySide(redis.client)
        celery.make(celery.begin())
        assert here.final(job).status == "completed"


def test_what_a_runner_of_the_direct_dispatch_has_left_is_made_by_the_queue(processes, redis, celery, database_url):
    before = Process(database_url)
    left, waiting = before.submit("a"), before.submit("b")
    before.leases.claim(1)
    before.set(left, lease_until=1.0)
    here = processes(database_url, redis)
    for _ in (left, waiting):
        celery.make(celery.begin())
    assert (here.final(left).attempts, here.final(waiting).attempts) == (2, 1)


def test_what_the_queue_has_left_is_made_by_a_runner_of_the_direct_dispatch(processes, redis, celery, database_url):
    here = processes(database_url, redis)
    running, waiting = here.submit("a"), here.submit("b")
    wait_until(lambda: here.value(waiting, "published_at"), "their messages", 5)
    here.runner.leave()
    here.runner._rows.change([partial(begin, job_id=running.id, attempt=1)])
    after = Process(database_url)
    after.leases.adopt()
    after.set(running, lease_until=1.0)
    claimed = {job.id: job.attempts for job in after.leases.claim(9)}
    assert claimed == {running.id: 2, waiting.id: 1}


def test_one_process_sweeps_and_another_takes_its_place(here, processes, redis, celery, database_url):
    there = processes(database_url, redis)
    locks = celery.redis.keys("img_jobs:sweeper:*")
    assert len(locks) <= 1
    here.runner.leave()
    job = there.submit()
    celery.die(begun(there, celery, job))
    celery.make(celery.begin(attempt=2))
    assert there.final(job).status == "completed"


def test_an_error_that_no_version_understands_is_one_of_its_celery_worker(one, celery):
    job = one.submit()
    first = begun(one, celery, job)
    celery.claims.finish(claim_of(first), ErrorLine(status=7, error=ErrorBody(error="?", code="<b>")))
    one.try_again_now(job)
    second = begun(one, celery, job, attempt=2)
    celery.redis.hset(queue_key(second.request.request_id, "final"), mapping={"number": 2, "made": 1, "line": "{"})
    assert one.final(job).error["code"] == "worker_unavailable"


def _line(celery: CelerySide, job) -> bytes | None:
    return celery.redis.hget(queue_key(f"{job.id.hex}-0", "final"), "line")
