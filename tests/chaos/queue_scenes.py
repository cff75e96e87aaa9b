"""The scenes of jobs over the queue: what happens to Redis, Celery workers and the rest while it carries them."""

import contextlib
import random
import signal
import time
from collections.abc import Callable

from render_worker.contract import NEWS
from tests.chaos.scene import Scenes, pause
from tests.chaos.stage import Cast, Stage
from tests.chaos.workers import CeleryWorker
from tests.fakes.processes import wait_until

OUTAGE_SECONDS = 2
WORK_SECONDS = 10.0  # within which lost work is sent again
LEASE_SECONDS = 5  # of a picture that a Celery worker makes
POSTGRES, SQLITE = ("postgresql",), ("sqlite",)
SCENES = Scenes(Cast("celery", workers=2))
AOF = Cast("celery-aof", workers=2)
scene = SCENES.scene


def at_work(stage: Stage, chance: random.Random, worker: CeleryWorker | None = None) -> None:
    """Wait until a random moment at which a Celery worker, or this one, makes pictures, unless all may be made."""
    pause(chance, 0.2, 2.0)
    names = [worker.name] if worker else []
    with contextlib.suppress(AssertionError):
        wait_until(lambda: stage.service.in_flight(*names) > 0, "a picture in flight", WORK_SECONDS)


@scene("queue", POSTGRES)
def queue(stage: Stage, chance: random.Random) -> None:
    """Nothing happens to the queue."""


@scene("celery-worker-killed")
def celery_worker_killed(stage: Stage, chance: random.Random) -> None:
    """kill -9 of one of two Celery workers, twice, for two seconds each."""
    for _ in range(2):
        at_work(stage, chance, stage.celery_workers[0])
        stage.celery_workers[0].kill()
        time.sleep(OUTAGE_SECONDS)
        stage.celery_workers[0].start()


@scene("celery-worker-stopped", SQLITE)
def celery_worker_stopped(stage: Stage, chance: random.Random) -> None:
    """SIGTERM of each of two Celery workers while it makes pictures."""
    for worker in stage.celery_workers:
        at_work(stage, chance, worker)
        worker.terminate()
        worker.start()


@scene("celery-worker-paused", SQLITE)
def celery_worker_paused(stage: Stage, chance: random.Random) -> None:
    """One of two Celery workers stands still for longer than its leases, and goes on."""
    worker = stage.celery_workers[0]
    at_work(stage, chance, worker)
    for process in worker.process.tree():
        process.suspend()
    worker.ends.append(time.time())  # only now: what it began before may be made again
    time.sleep(2 * LEASE_SECONDS)
    for process in worker.process.tree():
        process.resume()


@scene("celery-workers-away", SQLITE)
def celery_workers_away(stage: Stage, chance: random.Random) -> None:
    """kill -9 of both Celery workers, which come back after longer than a lease."""
    at_work(stage, chance)
    for worker in stage.celery_workers:
        worker.kill()
    time.sleep(2 * LEASE_SECONDS)
    for worker in stage.celery_workers:
        worker.start()


@scene("redis-killed", POSTGRES)
def redis_killed(stage: Stage, chance: random.Random) -> None:
    """kill -9 of Redis, which keeps nothing, twice, for two seconds each."""
    for _ in range(2):
        at_work(stage, chance)
        _restarted(stage, stage.redis.stop, stage.redis.start)


@scene("redis-aof-killed", SQLITE, AOF)
def redis_aof_killed(stage: Stage, chance: random.Random) -> None:
    """kill -9 of a Redis that keeps all on disk, twice, for two seconds each."""
    redis_killed(stage, chance)


@scene("redis-paused", POSTGRES)
def redis_paused(stage: Stage, chance: random.Random) -> None:
    """Redis stands still for longer than a lease, and goes on."""
    at_work(stage, chance)
    _restarted(stage, stage.redis.suspend, stage.redis.resume, seconds=2 * LEASE_SECONDS)


@scene("redis-full", SQLITE)
def redis_full(stage: Stage, chance: random.Random) -> None:
    """Redis has no memory left for five seconds, and refuses every write."""
    at_work(stage, chance)
    client = stage.redis.client
    _restarted(stage, lambda: client.config_set("maxmemory", 1), lambda: client.config_set("maxmemory", 0), seconds=5)


@scene("flushall")
def flushall(stage: Stage, chance: random.Random) -> None:
    """FLUSHALL of Redis, twice."""
    for _ in range(2):
        at_work(stage, chance)
        stage.redis.client.flushall()


@scene("client-kill", POSTGRES)
def client_kill(stage: Stage, chance: random.Random) -> None:
    """CLIENT KILL of all connections of the Celery workers and the API tier, ten times within five seconds."""
    for _ in range(10):
        pause(chance, 0.1, 0.9)
        _cut_all(stage)


@scene("news-trimmed", POSTGRES)
def news_trimmed(stage: Stage, chance: random.Random) -> None:
    """Redis drops the news that a killed API tier has not read yet, twice."""
    for _ in range(2):
        at_work(stage, chance)
        _trim_news(stage)


@scene("queue-api-killed")
def queue_api_killed(stage: Stage, chance: random.Random) -> None:
    """kill -9 of the API tier before a queue, three times."""
    for _ in range(3):
        at_work(stage, chance)
        _restarted(stage, stage.api.kill, stage.api.start_again, seconds=1)


@scene("queue-api-stopped", SQLITE)
def queue_api_stopped(stage: Stage, chance: random.Random) -> None:
    """SIGTERM of the API tier before a queue, three times."""
    for _ in range(3):
        at_work(stage, chance)
        _restarted(stage, stage.api.terminate, stage.api.start_again, seconds=0)


@scene("queue-one-api-killed", POSTGRES, Cast("celery", workers=2, apis=2))
def queue_one_api_killed(stage: Stage, chance: random.Random) -> None:
    """kill -9 of one of two API tiers before a queue, which does not come back."""
    at_work(stage, chance)
    stage.api.kill()


@scene("queue-api-paused", POSTGRES, Cast("celery", workers=2, apis=2))
def queue_api_paused(stage: Stage, chance: random.Random) -> None:
    """One of two API tiers before a queue stands still for ten seconds, and goes on."""
    at_work(stage, chance)
    with stage.outage():
        stage.api.send(signal.SIGSTOP)
        time.sleep(2 * LEASE_SECONDS)
        stage.api.send(signal.SIGCONT)


@scene("queue-postgres-killed", POSTGRES)
def queue_postgres_killed(stage: Stage, chance: random.Random) -> None:
    """kill -9 of all of PostgreSQL's processes behind a queue, twice, for two seconds each."""
    assert stage.postgres
    for _ in range(2):
        at_work(stage, chance)
        _restarted(stage, stage.postgres.kill, stage.postgres.start)


@scene("queue-locked", SQLITE)
def queue_locked(stage: Stage, chance: random.Random) -> None:
    """Another process holds SQLite's write lock for ten seconds, while the queue goes on."""
    at_work(stage, chance)
    with stage.outage(), stage.locked():
        time.sleep(2 * LEASE_SECONDS)


@scene("queue-all-killed")
def queue_all_killed(stage: Stage, chance: random.Random) -> None:
    """kill -9 of Celery workers, API tier and Redis at once, twice, for two seconds each."""
    for _ in range(2):
        at_work(stage, chance)
        _kill_all(stage)


@scene("queue-all-killed-aof", POSTGRES, AOF)
def queue_all_killed_aof(stage: Stage, chance: random.Random) -> None:
    """kill -9 of Celery workers, API tier, PostgreSQL and a Redis that keeps all on disk, at once, twice."""
    queue_all_killed(stage, chance)


@scene("queue-everything", SQLITE)
def queue_everything(stage: Stage, chance: random.Random) -> None:
    """All of it within some seconds: FLUSHALL, CLIENT KILL, news trimmed, and everything killed, alone and at once."""
    at_work(stage, chance, stage.celery_workers[0])
    stage.celery_workers[0].kill()
    stage.celery_workers[0].start()
    pause(chance, 0.2, 1.0)
    stage.redis.client.flushall()
    pause(chance, 0.2, 1.0)
    _cut_all(stage)
    _trim_news(stage, seconds=0.5)
    if stage.postgres:
        _restarted(stage, stage.postgres.kill, stage.postgres.start, seconds=0)
    at_work(stage, chance, stage.celery_workers[1])
    stage.celery_workers[1].terminate()
    stage.celery_workers[1].start()
    _restarted(stage, stage.redis.stop, stage.redis.start, seconds=0.5)
    at_work(stage, chance)
    _kill_all(stage)


@scene("queue-everything-aof", POSTGRES, AOF)
def queue_everything_aof(stage: Stage, chance: random.Random) -> None:
    """The same, with a Redis that keeps all on disk."""
    queue_everything(stage, chance)


def _cut_all(stage: Stage) -> None:
    """Cut all connections to Redis but this one."""
    for kind in ("normal", "pubsub"):
        stage.redis.client.execute_command("CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes")


def _trim_news(stage: Stage, seconds: float = OUTAGE_SECONDS) -> None:
    """Have Redis drop the news that a killed API tier has not read yet."""
    with stage.outage():
        stage.api.kill()
        time.sleep(seconds)
        stage.redis.client.xtrim(NEWS, maxlen=0, approximate=False)
        stage.api.start_again()
        stage.api.wait()


def _restarted(
    stage: Stage, end: Callable[[], object], start: Callable[[], object], seconds: float = OUTAGE_SECONDS
) -> None:
    """End something for some seconds, and wait until all API tiers answer again."""
    with stage.outage():
        end()
        time.sleep(seconds)
        start()
        for api in stage.apis:
            api.wait()


def _kill_all(stage: Stage) -> None:
    """Kill everything for two seconds, but SQLite's file and the image service, and start it again."""
    with stage.outage():
        for process in (*stage.celery_workers, stage.api, *filter(None, [stage.postgres])):
            process.kill()
        stage.redis.stop()
        time.sleep(OUTAGE_SECONDS)
        stage.redis.start()
        if stage.postgres:
            stage.postgres.start()
        for worker in stage.celery_workers:
            worker.start()
        stage.api.start_again()
        stage.api.wait()
