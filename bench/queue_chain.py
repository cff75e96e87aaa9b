"""What the benchmarks of the queue start: Redis, a database, the API tier, and Celery workers or stubs of these."""

import contextlib
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from typing import Any

import psutil
import psycopg

from bench.capacity import stub
from tests.fakes.celery_worker import CeleryWorker
from tests.fakes.postgres_server import PostgresServer
from tests.fakes.processes import ROOT, Server, api, wait_until
from tests.fakes.redis_server import RedisServer

DATABASES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
MANY_JOBS = 1_000_000
COMPLETED = "SELECT count(*) FROM jobs WHERE status = 'completed'"


class Database:
    """A jobs' database that waits for the disk at each commit, and a connection that looks into it."""

    def __init__(self, url: str, processes: list[psutil.Process]) -> None:
        self.url = url
        self.processes = processes
        """Its own; none if it is a file."""
        self._file = url.removeprefix("sqlite:///")
        self._connection: Any = None

    def completed(self) -> int:
        """Return how many jobs are completed."""
        if self._connection is None:  # the tables are there by now
            is_file = self._file != self.url
            connect: Any = sqlite3.connect if is_file else partial(psycopg.connect, autocommit=True)
            self._connection = connect(self._file)
        return int(self._connection.execute(COMPLETED).fetchone()[0])

    def wait_for(self, jobs: int, seconds: float) -> None:
        """Wait until so many jobs are completed. Raises AssertionError if they are not within so many seconds."""
        wait_until(lambda: self.completed() >= jobs, f"the end of {jobs} jobs", seconds)

    def close(self) -> None:
        """End the connection."""
        if self._connection is not None:
            self._connection.close()


@contextlib.contextmanager
def database(kind: str) -> Iterator[Database]:
    """Yield an empty database."""
    with contextlib.ExitStack() as stack:
        if kind == "postgresql":
            server = stack.enter_context(PostgresServer(fsync=True))
            found = Database(server.url, server.processes()[:1])
        else:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-jobs-", ignore_cleanup_errors=True))
            found = Database(f"sqlite:///{folder}/jobs.db", [])
        stack.callback(found.close)
        yield found


def queued_api(redis: RedisServer, url: str, **settings: Any) -> Server:
    """Return an API tier that is not started, and puts what it is asked for into the queue."""
    return api(
        DISPATCH="celery",
        REDIS_URL=redis.url,
        DATABASE_URL=url,
        MAX_PENDING_JOBS=MANY_JOBS,
        LOG_LEVEL="WARNING",
        **settings,
    )


@contextlib.contextmanager
def stub_celery_worker(redis: RedisServer, slots: int, seconds: float = 0) -> Iterator[psutil.Process]:
    """Run a stub of as many Celery workers as it has slots; yield its process."""
    options = [redis.url, "--slots", str(slots), "--seconds", str(seconds)]
    command = [sys.executable, "-m", "bench.stub_celery_worker", *options]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:  # noqa: S603 - our own
        try:
            yield psutil.Process(process.pid)
        finally:
            process.kill()


def celery_worker(redis: RedisServer, threads: int, **settings: str) -> CeleryWorker:
    """Return a Celery worker that is not started, and makes so many pictures at a time."""
    said: dict[str, Any] = {**settings, "ENGINE_CONCURRENCY": threads, "LOG_LEVEL": "INFO"}  # it says that it is ready
    return CeleryWorker(redis.url, "-c", str(threads), **said)


@contextlib.contextmanager
def pictures(seconds: float) -> Iterator[dict[str, str]]:
    """Run a service of pictures that take some seconds; yield the settings of a worker whose engine asks it."""
    with stub(seconds, "--pictures") as address, tempfile.TemporaryDirectory(prefix="bench-pictures-") as folder:
        yield {
            "ENGINES": "openai",
            "OPENAI_BASE_URL": f"{address}/v1",
            "OPENAI_KIND": "compatible",
            "LOCAL_STORAGE_DIR": folder,
            "LOG_LEVEL": "WARNING",
        }


def processor_seconds(processes: list[psutil.Process]) -> float:
    """Return the processor time of some processes and their descendants so far."""
    every = [it for parent in processes for it in (parent, *parent.children(recursive=True))]
    return sum(it.cpu_times().user + it.cpu_times().system for it in every)
