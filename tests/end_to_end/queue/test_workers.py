"""Celery workers that are absent, late or of few engines, and a Redis that is slow, dies or forgets."""

import time
from concurrent.futures import ThreadPoolExecutor

import requests

from tests.end_to_end.conftest import Stack, worker_settings
from tests.end_to_end.job_tiers import API, api_of, start
from tests.end_to_end.queue.conftest import database_of, made, redis_of, waiting
from tests.fakes.celery_worker import CeleryWorker
from tests.fakes.processes import wait_until


def status_of(job: dict) -> dict:
    return requests.get(job["links"]["status"], timeout=30).json()


def ended(job: dict) -> dict:
    """Return a job once it is final."""
    wait_until(lambda: status_of(job)["status"] in ("completed", "failed", "canceled"), f"the end of {job}", 40)
    return status_of(job)


def test_without_a_celery_worker_a_sentence_says_so_and_one_that_comes_late_is_in_time(tiers, stack):
    worker = tiers.rendering.queue.worker
    assert stack.get(prompt="a first one", model="sketch").status_code == 200  # by which its queue is known
    assert worker.stop() < 10
    try:
        with api_of(tiers, database_of(tiers), WORKER_WAKE_SECONDS=3) as front:
            begun = time.monotonic()
            answer = requests.get(f"{front.url}/generate?prompt=a&model=sketch", timeout=60)
            assert (answer.status_code, answer.json()["code"]) == (503, "worker_unavailable"), answer.text
            assert time.monotonic() - begun < 30
        job = start(stack.api.url, model="sketch")
        with ThreadPoolExecutor(1) as pool:
            late = pool.submit(stack.get, prompt="a late one", model="sketch")
            wait_until(lambda: waiting(stack) >= 2, "both messages")
            worker.start()
            assert late.result().status_code == 200, late.result().text
        assert ended(job)["status"] == "completed"
    finally:
        if worker.process.poll() is not None:
            worker.start()
        worker.wait_ready()
    wait_until(lambda: waiting(stack) == 0, "no message waits", 10)


def test_a_celery_worker_takes_what_it_has_an_engine_for(tiers, stack, tmp_path):
    queue = tiers.rendering.queue
    own = worker_settings(tiers.sandbox, tmp_path, ENGINES="pollinations", LOCAL_STORAGE_DIR=queue.worker.folder)
    with CeleryWorker(queue.redis.url, **{**own, **tiers.sandbox.pointers("pollinations")}) as other:
        wait_until(lambda: _has(stack, "pollinations"), "the models of both", 30)
        for _ in range(4):
            assert stack.get(prompt="a", model="horde").json()["engine"] == "horde"
            assert stack.get(prompt="a", model="pollinations").json()["engine"] == "pollinations"
        assert "horde" not in other.log()


def _has(stack: Stack, name: str) -> bool:
    return name in {it["name"] for it in stack.get("/models").json().get("models", ())}


def test_a_redis_that_hangs_delays_no_health_and_loses_no_picture(tiers, stack):
    stack.play(delay=2, painted="beforehand")
    redis = tiers.rendering.queue.redis
    job = start(stack.api.url)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(stack.get, prompt="a slow one")
        wait_until(lambda: made(stack) == 2, "both pictures")
        redis.suspend()
        try:
            for path, seconds in (("/health", 1), (f"{API}/health", 4), ("/health", 1)):
                begun = time.monotonic()
                requests.get(stack.api.url + path, timeout=20)
                assert time.monotonic() - begun < seconds, path
            time.sleep(max(0, 4 - (time.monotonic() - begun)))
        finally:
            redis.resume()
        assert answer.result().status_code == 200, answer.result().text
    assert ended(job)["status"] == "completed"
    assert made(stack) == 2


def test_a_redis_that_is_killed_and_comes_back_loses_no_picture_and_makes_none_twice(tiers, stack):
    stack.play(delay=4, painted="beforehand")
    redis = tiers.rendering.queue.redis
    job = start(stack.api.url)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(stack.get, prompt="a picture of a Redis that dies")
        wait_until(lambda: made(stack) == 2, "both pictures")
        redis.stop()
        try:
            assert requests.get(f"{stack.api.url}/health", timeout=5).ok
            assert requests.get(f"{stack.api.url}{API}/health", timeout=10).json()["status"] != "healthy"
        finally:
            redis.start()
        assert answer.result().status_code == 200, answer.result().text
    assert ended(job)["status"] == "completed"
    assert made(stack) == 2
    assert stack.get(prompt="another", model="sketch").status_code == 200


def test_a_redis_that_forgets_all_loses_no_picture_and_makes_none_twice(stack):
    stack.play(delay=4, painted="beforehand")
    jobs = [start(stack.api.url, prompt=f"boat {number}", cache=False) for number in range(6)]
    wait_until(lambda: made(stack) >= 1, "a picture is begun")
    redis_of(stack).flushall()
    assert [ended(job)["status"] for job in jobs] == ["completed"] * 6
    assert made(stack) == 6


def test_services_with_databases_of_their_own_may_share_a_redis(tiers, stack, tmp_path):
    with api_of(tiers, f"sqlite:///{tmp_path}/other.db") as other:
        jobs = [
            start(url, prompt=f"boat {number}", model="sketch")
            for url in (stack.api.url, other.url)
            for number in range(10)
        ]
        assert [ended(job)["status"] for job in jobs] == ["completed"] * 20
