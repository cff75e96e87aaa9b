"""`python -m bench.queue`: what the queue carries, what it adds to HTTP, and the memory of a Celery worker.

    workers   300 jobs of a second by one Celery worker of ten threads, and by three
    added     GET /generate by the queue and by HTTP, in turns
    memory    of a Celery worker, idle and with ten pictures at a time, beside a render worker
    parts     the processor time of each part of a job that makes no picture, on each database
    slots     the same at 50 jobs a second, with 100 slots of Celery workers and with 1,000; only if it is named

Redis keeps nothing on disk; PostgreSQL and SQLite wait for it. Exits with 1 if three Celery workers are less than 2.8
times as fast as one, or if the queue adds more than 5 ms at the median.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import psutil

from bench.capacity import stub
from bench.clients import drive, get, post
from bench.jobs import driven, quantiles
from bench.load import Load
from bench.queue_chain import (
    DATABASES,
    Database,
    celery_worker,
    database,
    pictures,
    processor_seconds,
    queued_api,
    stub_celery_worker,
)
from bench.table import print_table
from tests.fakes.processes import Server, api, worker
from tests.fakes.redis_server import RedisServer

THREADS = 10
COUNTS = (1, 3)
JOBS, JOB_SECONDS = 300, 1.0
PROMISED_RATIO, PROMISED_MS = 2.8, 5.0
CLIENTS = 16
TURNS, IN_A_TURN = 20, 20
SQUARE = {"prompt": "a lighthouse", "width": 512, "height": 512}  # as the stub's picture
SUBMIT = post("/api/v1/generate", json.dumps(SQUARE).encode())
GENERATE = get("/generate?prompt=a+lighthouse&width=512&height=512")
SETTLED_SECONDS = 3.0
WORK = 100
MANY, SLOTS = 2000, 50
RATE, RATE_SECONDS, STUBS = 50, 40, 2
OWNERS = ("API", "Redis", "database")
MIB = 2**20


def workers() -> bool:
    """Print how long the jobs take by each number of Celery workers. Returns whether it is as promised."""
    taken = {count: _jobs_seconds(count) for count in COUNTS}
    rows = [
        [str(count), f"{seconds:.1f}", f"{JOBS / seconds:.1f}", f"{taken[1] / seconds:.2f}"]
        for count, seconds in taken.items()
    ]
    heading = f"Celery workers of {THREADS} threads, {JOBS} jobs of {JOB_SECONDS:g} s"
    print_table([heading, "seconds", "jobs a second", "times as fast as one"], rows)
    return taken[1] / taken[max(COUNTS)] >= PROMISED_RATIO


def _jobs_seconds(number: int) -> float:
    """Return the seconds from the first submit to the last completed row."""
    with ExitStack() as stack:
        redis, data = stack.enter_context(RedisServer()), stack.enter_context(database("sqlite"))
        settings = stack.enter_context(pictures(JOB_SECONDS))
        front = stack.enter_context(queued_api(redis, data.url))
        for _ in range(number):
            stack.enter_context(celery_worker(redis, THREADS, **settings))
        _complete(front, data, number * THREADS)  # each has made its first pictures
        begun = time.monotonic()
        drive(front.port, SUBMIT, JOBS, CLIENTS)
        data.wait_for(number * THREADS + JOBS, 90)
        return time.monotonic() - begun


def _complete(front: Server, data: Database, jobs: int) -> None:
    """Submit so many jobs, and wait until they are completed."""
    drive(front.port, SUBMIT, jobs, CLIENTS)
    data.wait_for(jobs, 90)


def added() -> bool:
    """Print a picture's time by HTTP and by the queue. Returns whether the queue adds no more than promised."""
    with ExitStack() as stack:
        redis, data = stack.enter_context(RedisServer()), stack.enter_context(database("sqlite"))
        settings = stack.enter_context(pictures(0))
        stack.enter_context(celery_worker(redis, THREADS, **settings))
        door = stack.enter_context(worker(**settings, ENGINE_CONCURRENCY=THREADS))
        fronts = {
            "by HTTP": stack.enter_context(api(PERCHANCE_WORKER_URL=door.url, LOG_LEVEL="WARNING")),
            "by the queue": stack.enter_context(queued_api(redis, data.url)),
        }
        found: dict[str, list[float]] = {name: [] for name in fronts}
        for turn in range(TURNS + 1):
            for name, front in fronts.items():
                load = drive(front.port, GENERATE, IN_A_TURN, 1)
                found[name] += load.milliseconds if turn else []  # the first loads what is needed
    return _compared({name: Load(1, milliseconds) for name, milliseconds in found.items()})


def _compared(found: dict[str, Load]) -> bool:
    direct = found["by HTTP"].median
    rows = [[name, f"{it.median:.1f}", f"{it.p90:.1f}", f"{it.median - direct:+.1f}"] for name, it in found.items()]
    print_table(["GET /generate, a picture of 0 s", "p50, ms", "p90", "beyond HTTP"], rows)
    return found["by the queue"].median - direct <= PROMISED_MS


def memory() -> bool:
    """Print the resident memory of a Celery worker and of a render worker."""
    rows = []
    with RedisServer() as redis, database("sqlite") as data, pictures(JOB_SECONDS) as settings:
        with queued_api(redis, data.url) as front, celery_worker(redis, THREADS, **settings) as made:
            process = psutil.Process(made.process.pid)
            rows.append([f"Celery worker of {THREADS} threads", *_idle_and_at_work(front.port, process)])
        door = worker(**settings, ENGINE_CONCURRENCY=THREADS)
        with door, api(PERCHANCE_WORKER_URL=door.url, LOG_LEVEL="WARNING") as front:
            process = psutil.Process(door.process.pid)
            rows.append(["render worker, two processes", *_idle_and_at_work(front.port, process)])
    print_table(["memory, the engine asked over HTTP", "MiB idle", "at work", "after it"], rows)
    return True


def _idle_and_at_work(port: int, process: psutil.Process) -> list[str]:
    """Return the MiB of a process and its descendants: idle, the most of ten pictures at a time, and after them."""
    time.sleep(SETTLED_SECONDS)
    idle = _resident_mib(process)
    with ThreadPoolExecutor(1) as pool:
        load = pool.submit(drive, port, GENERATE, WORK, THREADS)
        seen = [idle]
        while not load.done():
            seen.append(_resident_mib(process))
            time.sleep(0.1)
        load.result()
    time.sleep(SETTLED_SECONDS)
    return [f"{mib:.0f}" for mib in (idle, max(seen), _resident_mib(process))]


def _resident_mib(process: psutil.Process) -> float:
    return sum(it.memory_info().rss for it in (process, *process.children(recursive=True))) / MIB


def parts() -> bool:
    """Print what each part takes of the processor for a job, by the queue and by HTTP."""
    ways = {"HTTP": _by_http, "the queue": _by_queue}
    rows = [[f"{title}, by {way}", *_parts_of(kind, ways[way])] for kind, title in DATABASES.items() for way in ways]
    print_table([f"{MANY} jobs without pictures", "jobs a second", *(f"{it}, ms a job" for it in OWNERS)], rows)
    return True


def _by_http(stack: ExitStack, redis: RedisServer, data: Database) -> Server:
    settings = {"PERCHANCE_WORKER_URL": stack.enter_context(stub(0)), "JOB_CONCURRENCY": SLOTS, "REDIS_URL": redis.url}
    return stack.enter_context(api(DATABASE_URL=data.url, LOG_LEVEL="WARNING", **settings))


def _by_queue(stack: ExitStack, redis: RedisServer, data: Database) -> Server:
    stack.enter_context(stub_celery_worker(redis, SLOTS))
    return stack.enter_context(queued_api(redis, data.url))


def _parts_of(kind: str, start: Callable[[ExitStack, RedisServer, Database], Server]) -> list[str]:
    """Return how many jobs a second are submitted and end, and what a job takes of the processor in each part."""
    with ExitStack() as stack:
        redis, data = stack.enter_context(RedisServer()), stack.enter_context(database(kind))
        front = start(stack, redis, data)
        _complete(front, data, SLOTS)
        owners = [[psutil.Process(front.process.pid)], [redis.process], data.processes]
        before = [processor_seconds(each) for each in owners]
        begun = time.monotonic()
        drive(front.port, SUBMIT, MANY, CLIENTS)
        data.wait_for(SLOTS + MANY, 180)
        seconds = time.monotonic() - begun
        spent = [processor_seconds(each) - it for each, it in zip(owners, before, strict=True)]
    return [f"{MANY / seconds:.0f}", *(f"{1000 * it / MANY:.2f}" for it in spent)]


def slots() -> bool:
    """Print what a job takes at the same rate of jobs, with few slots and with many."""
    rows = [[f"{count} of {seconds:g} s", *_at_rate(count, seconds)] for count, seconds in ((100, 1.0), (1000, 20.0))]
    heading = f"slots, {RATE} jobs a second on PostgreSQL"
    print_table([heading, "202 p50, ms", "p99", *(f"{it}, ms a job" for it in OWNERS)], rows)
    return True


def _at_rate(count: int, seconds: float) -> list[str]:
    with ExitStack() as stack:
        redis, data = stack.enter_context(RedisServer()), stack.enter_context(database("postgresql"))
        for _ in range(STUBS):
            stack.enter_context(stub_celery_worker(redis, count // STUBS, seconds))
        front = stack.enter_context(queued_api(redis, data.url))
        _complete(front, data, 1)
        owners = [[psutil.Process(front.process.pid)], [redis.process], data.processes]
        before = [processor_seconds(each) for each in owners]
        found = driven(front, RATE, RATE_SECONDS)["submits"]
        jobs = len(found.milliseconds)
        data.wait_for(1 + jobs, 180)
        spent = [processor_seconds(each) - it for each, it in zip(owners, before, strict=True)]
    return [*quantiles(found, 0.5, 0.99), *(f"{1000 * it / jobs:.1f}" for it in spent)]


PARTS: dict[str, Callable[[], bool]] = {it.__name__: it for it in (workers, added, memory, parts, slots)}
USUAL = ("workers", "added", "memory", "parts")


def main() -> int:
    """Measure, print, and return whether what was promised is kept."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.queue", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", metavar="PART", choices=PARTS, default=USUAL)
    kept = []
    for name in parser.parse_args().only:
        sys.stderr.write(f"{name} ...\n")
        kept.append(PARTS[name]())
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
