"""Jobs by the queue: a job's picture is asked for by a message, and what came of it is in the row."""

import sqlite3
import threading
import time
from contextlib import closing

from image_api.jobs.queued.picture_ids import PictureId
from render_worker.contract import queue_key
from tests.api.jobs.runner.test_attempts import png
from tests.api.queued.celery_side import CelerySide
from tests.fakes.processes import wait_until
from tests.fakes.redis_server import RedisServer


def test_a_job_is_made_by_the_celery_worker_that_takes_its_message(here, celery):
    job = here.submit(seed=7)
    message = celery.begin()
    assert (message.attempt, message.client, message.expires_at) == (1, "one", None)
    assert message.request.request_id == str(PictureId(job.id, 0))
    assert (message.request.prompt, message.request.timeout_seconds) == ("a tree", 300)
    running = here.when(job, lambda it: it.status == "processing")
    assert running.attempts == 1
    celery.make(message)
    done = here.final(job)
    assert (done.status, done.attempts, len(done.images)) == ("completed", 1, 1)
    assert done.images[0]["request_id"] == str(PictureId(job.id, 0))
    wait_until(lambda: here.ends, "the news of its end")
    assert here.ends == ["final"]
    assert job.id in here.changes
    assert here.kept() == here.counted() == {}


def test_what_was_made_is_in_the_cache_and_the_next_job_takes_it_from_there(here, celery):
    first = here.submit(seed=7)
    celery.make(celery.begin())
    image = here.final(first).images[0]
    second = here.final(here.submit(seed=7))
    assert second.images[0] == {**image, "cached": True, "request_id": str(PictureId(second.id, 0))}
    assert second.attempts == 1
    assert celery.redis.llen("auto") == 0


def test_redis_forgets_what_is_in_the_row(one, celery):
    job = one.submit()
    celery.make(celery.begin())
    one.final(job)

    def is_settled() -> bool:
        return celery.redis.hget(queue_key(str(PictureId(job.id, 0)), "final"), "line") == b""

    wait_until(is_settled, "the end of the request", 5)
    assert celery.redis.ttl(queue_key(str(PictureId(job.id, 0)), "final")) > 0


def test_a_failure_is_tried_again_by_the_next_attempt(here, celery):
    job = here.submit()
    celery.fail(celery.begin(), 502, "engine_failed")
    again = here.when(job, lambda it: it.error)
    assert (again.status, again.attempts) == ("pending", 1)
    message = celery.begin(attempt=2)
    assert message.attempt == 2
    celery.make(message)
    assert here.final(job).attempts == 2


def test_a_failure_that_no_attempt_helps_is_the_jobs_end(here, celery):
    job = here.submit()
    celery.fail(celery.begin(), 422, "content_refused", hint="Ask for something else.")
    error = here.final(job).error
    assert (error["code"], error["status"], error["hint"]) == ("content_refused", 422, "Ask for something else.")


def test_several_pictures_are_messages_of_their_own_and_kept_as_each_comes(here, celery):
    job = here.submit(n=3, seed=5)
    messages = {it.request.request_id: it for it in (celery.begin() for _ in range(3))}
    by_place = [messages[str(PictureId(job.id, index))] for index in range(3)]
    assert [it.request.seed for it in by_place] == [5, 6, 7]
    celery.make(by_place[1])
    assert [it["index"] for it in here.when(job, lambda it: it.images).images] == [1]
    celery.fail(by_place[0], 422, "content_refused")
    celery.make(by_place[2])
    done = here.final(job)
    assert (done.status, [it["index"] for it in done.images]) == ("completed", [1, 2])
    assert [(it["index"], it["code"]) for it in done.failed] == [(0, "content_refused")]


def test_an_image_waits_under_a_key_of_its_own_until_the_job_ends(here, celery):
    image = png()
    job = here.submit(image=image, strength=0.5)
    message = celery.begin()
    request_id = message.request.request_id
    assert celery.claims.image(request_id) == image
    assert 300 < celery.redis.ttl(queue_key(request_id, "image")) <= 900
    celery.make(message)
    assert here.final(job).status == "completed"
    wait_until(lambda: celery.claims.image(request_id) is None, "the image is forgotten", 5)
    assert here.services.image_memory.left == 64 * 1024 * 1024


def test_a_cancelled_job_is_ended_at_the_celery_worker_that_makes_it(here, celery):
    job = here.submit()
    message = celery.begin()
    here.when(job, lambda it: it.status == "processing")
    here.store.cancel(job.id)
    here.runner.cancelled(job.id)
    assert celery.renew_until(message, "canceled") < 2
    celery.make(message)
    assert (here.job(job).status, here.job(job).images) == ("canceled", [])


def test_a_cancelled_job_that_waits_in_the_queue_is_not_begun(here, celery):
    job = here.submit()
    message = celery.take()
    here.store.cancel(job.id)
    here.runner.cancelled(job.id)
    wait_until(lambda: celery.claims.claim(message)[0] == "canceled", "the cancellation", 5)


def test_a_job_that_was_cancelled_while_redis_was_away_is_ended_once_it_begins(one, celery):
    job = one.submit()
    message = celery.take()
    one.store.cancel(job.id)  # and Redis never heard of it
    assert celery.claims.claim(message)[0] == "go"
    celery.renew_until(message, "canceled", 5)
    assert one.job(job).status == "canceled"


def test_a_cancellation_is_told_again_until_redis_takes_it(processes, tmp_path):
    with RedisServer() as redis:
        here = processes(f"sqlite:///{tmp_path}/jobs.db", redis)
        celery = CelerySide(redis.client)
        job = here.submit()
        message = celery.begin()
        here.when(job, lambda it: it.status == "processing")
        redis.suspend()
        here.store.cancel(job.id)
        here.runner.cancelled(job.id)
        time.sleep(2)  # the first try has failed
        redis.resume()
        celery.renew_until(message, "canceled", 5)
        wait_until(lambda: here.value(job, "published_at") is None, "a note that Redis was told", 5)


def test_a_cancellation_that_its_process_could_not_tell_is_told_by_another(
    here, processes, redis, celery, database_url
):
    job = here.submit()
    message = celery.begin()
    here.when(job, lambda it: it.status == "processing")
    here.runner.leave()
    here.runner._canceller.loop.join(5)
    here.store.cancel(job.id)
    processes(database_url, redis)
    celery.renew_until(message, "canceled", 5)


def test_progress_is_shown_and_forgotten_at_the_end(one, celery):
    job = one.submit()
    message = celery.begin()
    one.when(job, lambda it: it.status == "processing")
    celery.progress(message, "Painting.", preview="data:image/jpeg;base64,/9j/")
    shown = one.when(job, lambda it: it.progress).progress
    assert shown == {"phase": "generating", "message": "Painting."}
    celery.make(message)
    assert one.final(job).progress is None


def test_a_job_that_this_version_does_not_understand_fails_and_others_go_on(here, celery):
    odd, good = here.submit(colour="red"), here.submit()
    celery.make(celery.begin())
    assert here.final(odd).error["code"] == "job_unreadable"
    assert here.final(good).status == "completed"


def test_a_result_that_is_none_is_no_picture(one, celery):
    job = one.submit()
    celery.make(celery.begin(), image_url="javascript:alert(1)")
    one.try_again_now(job)
    celery.make(celery.begin(), image_url="http://a@b/")
    assert one.final(job).error["code"] == "worker_unavailable"


def test_news_that_no_version_understands_are_left_out(one, celery):
    celery.redis.xadd("img_queue:news", {"news": "{"})
    celery.redis.xadd("img_queue:news", {"other": "1"})
    celery.redis.xadd("img_queue:news", {"news": '{"event": "ended", "id": "of-a-client", "attempt": 1}'})
    job = one.submit()
    celery.make(celery.begin())
    assert one.final(job).status == "completed"
    wait_until(lambda: _pending(celery) == 0, "their acknowledgement", 5)


def test_two_processes_share_the_news_and_each_job_ends_once(here, processes, redis, celery, database_url):
    there = processes(database_url, redis)
    jobs = [(here, there)[number % 2].submit(f"owner {number % 3}") for number in range(30)]
    for _ in jobs:
        celery.make(celery.begin())
    assert {here.final(job).status for job in jobs} == {"completed"}
    assert all(here.job(job).attempts == 1 for job in jobs)
    wait_until(lambda: len(here.ends) + len(there.ends) >= 30, "the ends")
    assert len(here.ends) + len(there.ends) == 30
    assert celery.refuses_the_rest()
    assert here.kept() == here.counted() == {}


def test_two_databases_on_one_redis_do_not_touch_each_others_jobs(processes, redis, celery, tmp_path):
    here, there = (processes(f"sqlite:///{tmp_path}/{name}.db", redis) for name in ("here", "there"))
    jobs = [(process, process.submit()) for process in (here, there) for _ in range(5)]
    for _ in jobs:
        celery.make(celery.begin())
    assert {process.final(job).status for process, job in jobs} == {"completed"}


def test_a_copy_of_a_database_on_the_same_redis_completes_its_jobs_too(processes, redis, celery, tmp_path, monkeypatch):
    monkeypatch.setattr("image_api.jobs.queued.sweeper.LOOK_SECONDS", 0.5)
    first = processes(f"sqlite:///{tmp_path}/first.db", redis)
    before = first.submit()
    celery.make(celery.begin())
    first.final(before)
    with (
        closing(sqlite3.connect(tmp_path / "first.db")) as source,
        closing(sqlite3.connect(tmp_path / "copy.db")) as target,
    ):
        source.backup(target)
    copy = processes(f"sqlite:///{tmp_path}/copy.db", redis)
    jobs = [(process, process.submit()) for process in (first, copy) for _ in range(6)]
    for _ in jobs:
        celery.make(celery.begin())
    assert {process.final(job).status for process, job in jobs} == {"completed"}


def test_what_ended_while_no_process_ran_is_in_the_row_soon_after(processes, redis, celery, database_url):
    before = processes(database_url, redis)
    job = before.submit()
    message = celery.begin()
    before.when(job, lambda it: it.status == "processing")
    before.runner.leave()
    before.runner._consumer.loop.join(5)
    celery.redis.set("img_jobs:sweeper:other", 1)
    celery.make(message)
    celery.redis.delete("img_queue:news")  # they were trimmed as well
    for key in celery.redis.keys("img_jobs:sweeper:*"):
        celery.redis.set(key, "a process that was killed", px=60_000)
    begun = time.monotonic()
    after = processes(database_url, redis)
    assert after.final(job).status == "completed"
    assert time.monotonic() - begun < 2


def test_a_process_that_ends_has_sent_what_its_rows_say_is_sent(one, celery):
    jobs = [one.submit(f"owner {number}") for number in range(12)]
    one.runner.drain()
    one.runner.wait()
    published = sum(one.value(job, "published_at") is not None for job in jobs)
    assert celery.redis.llen("auto\x06\x163") == published


def test_expected_seconds_are_those_of_recent_jobs(one, celery):
    job = one.submit()
    assert one.runner.expected_seconds(job, 1) is None
    message = celery.begin()
    one.when(job, lambda it: it.status == "processing")
    threading.Event().wait(0.05)
    celery.make(message)
    one.final(job)
    wait_until(lambda: one.runner.expected_seconds(job, 3), "an expectation")
    assert one.runner.expected_seconds(one.job(job), None) is None


def _pending(celery) -> int:
    return sum(it["pending"] for it in celery.redis.xinfo_groups("img_queue:news"))
