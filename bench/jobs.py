"""`python -m bench.jobs`: 500 jobs a second are submitted to one API process, and what /health takes beside.

An open loop in a process of its own, beside the same service without jobs. The runner is on, behind a stub render
worker, or by the queue behind a stub of Celery workers, whose four pictures at a time take a second, so that most jobs
wait: MAX_PENDING_JOBS is raised for it. PostgreSQL and SQLite wait for the disk at each commit, as they do by default.
"""

import argparse
import contextlib
import json
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import requests

from bench.capacity import stub
from bench.open_loop import Sent
from bench.queue_chain import MANY_JOBS, database, queued_api, stub_celery_worker
from bench.table import print_table
from tests.fakes.processes import ROOT, Server, api, wait_until
from tests.fakes.redis_server import RedisServer

WORKER_SECONDS = 1.0
WORKER_SLOTS = 4
LOCK_SECONDS = 3.0
COLUMNS = (
    *("submits kept a second", "202 p50, ms", "p95", "p99", "/health p50, ms", "p99", "longest"),
    *("processor's ms a submit", "refused or lost"),
)


@dataclass(frozen=True)
class Contender:
    """One row."""

    name: str
    database: str
    rate: float
    disturb: Callable[[str], contextlib.AbstractContextManager[None]] = lambda _: contextlib.nullcontext()
    is_queued: bool = False


@contextlib.contextmanager
def _locked(file: str) -> Iterator[None]:
    """Hold SQLite's write lock, from the middle of the context's seconds on."""

    def lock() -> None:
        with contextlib.closing(sqlite3.connect(file, timeout=20, isolation_level=None)) as connection:
            time.sleep(2)
            connection.execute("BEGIN IMMEDIATE")
            time.sleep(LOCK_SECONDS)
            connection.execute("ROLLBACK")

    thread = threading.Thread(target=lock)
    thread.start()
    yield
    thread.join()


def _contenders(rate: float) -> list[Contender]:
    return [
        Contender("no jobs", "sqlite", 0),
        Contender("SQLite", "sqlite", rate),
        Contender("PostgreSQL", "postgresql", rate),
        Contender(f"SQLite, locked for {LOCK_SECONDS:g} s", "sqlite", rate, _locked),
        Contender("SQLite, by the queue", "sqlite", rate, is_queued=True),
        Contender("PostgreSQL, by the queue", "postgresql", rate, is_queued=True),
    ]


@contextlib.contextmanager
def _service(contender: Contender, url: str) -> Iterator[Server]:
    """Run the API tier and what makes its pictures."""
    with contextlib.ExitStack() as stack:
        if contender.is_queued:
            redis = stack.enter_context(RedisServer())
            stack.enter_context(stub_celery_worker(redis, WORKER_SLOTS, WORKER_SECONDS))
            yield stack.enter_context(queued_api(redis, url))
        else:
            worker = stack.enter_context(stub(WORKER_SECONDS))
            settings = {"PERCHANCE_WORKER_URL": worker, "MAX_PENDING_JOBS": MANY_JOBS, "LOG_LEVEL": "WARNING"}
            yield stack.enter_context(api(DATABASE_URL=url, **settings))


def measure(contender: Contender, seconds: float) -> list[str]:
    """Return a contender's row."""
    with database(contender.database) as data, _service(contender, data.url) as server:
        if contender.rate:
            _submit_one(server)
        before = _processor_seconds(server)
        with contender.disturb(data.url.removeprefix("sqlite:///")):
            found = driven(server, contender.rate, seconds)
        spent = _processor_seconds(server) - before
    return _row(contender, found, spent)


def _submit_one(server: Server) -> None:
    """Submit a job, so that all that jobs need is loaded."""

    def is_accepted() -> bool:
        answer = requests.post(f"{server.url}/api/v1/generate", json={"prompt": "a tree"}, timeout=20)
        return answer.status_code == 202

    wait_until(is_accepted, "a job")


def driven(server: Server, rate: float, seconds: float) -> dict[str, Sent]:
    """Submit jobs to a server at a rate, and return what came of them and of /health beside."""
    options = ["--submits", str(rate), "--seconds", str(seconds)]
    done = subprocess.run(  # noqa: S603 - our own
        [sys.executable, "-m", "bench.open_loop", str(server.port), *options],
        cwd=ROOT,
        capture_output=True,
        check=True,
        timeout=seconds + 60,
    )
    return {kind: Sent(**figures) for kind, figures in json.loads(done.stdout).items()}


def _processor_seconds(server: Server) -> float:
    """Return the processor time of all of a server's processes so far."""
    return sum(it.cpu_times().user + it.cpu_times().system for it in server.tree())


def _row(contender: Contender, found: dict[str, Sent], spent: float) -> list[str]:
    submits, health = found["submits"], found["health"]
    kept, lost = len(submits.milliseconds), len(submits.bad) + submits.unanswered
    times = [*quantiles(submits, 0.5, 0.95, 0.99), *quantiles(health, 0.5, 0.99, 1.0)]
    a_submit = f"{spent * 1000 / kept:.2f}" if kept else f"{spent * 1000 / len(health.milliseconds):.2f} a /health"
    return [contender.name, f"{kept / submits.seconds:.0f}" if kept else "", *times, a_submit, str(lost or "")]


def quantiles(sent: Sent, *shares: float) -> list[str]:
    """Return quantiles of the latencies, in milliseconds."""
    latencies = sorted(sent.milliseconds)
    return [f"{latencies[min(int(len(latencies) * it), len(latencies) - 1)]:.0f}" if latencies else "" for it in shares]


def main() -> int:
    """Measure each contender, and print them side by side."""
    parser = argparse.ArgumentParser(prog="python -m bench.jobs", description=__doc__)
    parser.add_argument("--submits", type=float, default=500, help="a second (500)")
    parser.add_argument("--seconds", type=float, default=30, help="of sending (30)")
    parser.add_argument("--only", help="the rows whose name begins so")
    given = parser.parse_args()
    rows = []
    for contender in [it for it in _contenders(given.submits) if it.name.startswith(given.only or "")]:
        sys.stderr.write(f"{contender.name} ...\n")
        rows.append(measure(contender, given.seconds))
    print_table([f"{given.submits:g} submits a second for {given.seconds:g} s", *COLUMNS], rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
