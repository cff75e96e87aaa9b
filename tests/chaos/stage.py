"""The processes of one scene: a database, workers, API tiers, and Redis if a queue is between them."""

import contextlib
import re
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

import psycopg

from render_worker.contract import WORKERS
from tests.chaos.api_tier import Api
from tests.chaos.workers import CeleryWorker, RealWorker, StubWorker, Worker
from tests.fakes.image_service import ImageService
from tests.fakes.postgres_server import PostgresServer
from tests.fakes.processes import wait_until
from tests.fakes.redis_server import RedisServer

TRACEBACK = re.compile(r"^ *Traceback \(most recent call last\)", re.MULTILINE)
OF_CONNECTION = " celery.worker.consumer.consumer "
"""The logger by which Celery tells of a broker that is away, with tracebacks."""
Kind = Literal["stub", "real", "celery", "celery-aof"]
"""Which workers make the pictures: Celery workers have a Redis before them, which keeps all on disk with `aof`."""


@dataclass(frozen=True)
class Cast:
    """How many processes of which kind a scene has."""

    kind: Kind = "stub"
    workers: int = 1
    apis: int = 1

    @property
    def has_queue(self) -> bool:
        """Return whether a queue is between the tiers."""
        return self.kind.startswith("celery")


@dataclass(frozen=True)
class Outage:
    """A time in which the API tiers, Redis or the database did not run."""

    since: float
    until: float


class Stage:
    """The processes of one scene; all of them are ended with it."""

    def __init__(self, database: str, folder: Path, seconds: tuple[float, float], cast: Cast) -> None:
        self.folder = folder
        self.file = folder / "jobs.db"
        self.postgres = PostgresServer(fsync=True) if database == "postgresql" else None
        self.redis = RedisServer(folder=folder if cast.kind == "celery-aof" else None)
        self.service = ImageService(folder, seconds)
        self.cast = cast
        self.workers = [self._worker(number, seconds) for number in range(cast.workers)]
        self.apis: list[Api] = []
        self.outages: list[Outage] = []
        self._running = contextlib.ExitStack()

    def _worker(self, number: int, seconds: tuple[float, float]) -> Worker:
        name = f"worker-{number}"
        match self.cast.kind:
            case "stub":
                return StubWorker(self.folder, seconds)
            case "real":
                return RealWorker(name, self.folder, self.service)
        return CeleryWorker(name, self.folder, self.service, self.redis.url)

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as starting:
            for server in self._servers():
                starting.enter_context(server)
            for each in self.workers:
                starting.callback(each.close)
                each.start()
            for _ in range(self.cast.apis):
                starting.enter_context(self._api())
            if self.cast.has_queue:
                wait_until(lambda: self.redis.client.zcard(WORKERS) == self.cast.workers, "the Celery workers")
            self._running = starting.pop_all()
        return self

    def _servers(self) -> "Iterator[contextlib.AbstractContextManager[Any]]":
        if self.postgres:
            yield self.postgres
        if self.cast.kind != "stub":
            yield self.service
        if self.cast.has_queue:
            yield self.redis

    @contextlib.contextmanager
    def _api(self) -> Iterator[None]:
        tier = Api(
            DATABASE_URL=self.database_url,
            TRUSTED_PROXIES="loopback",
            RATE_LIMIT="off",
            GRACEFUL_TIMEOUT_SECONDS=5,
            RETRY_BACKOFF_BASE=1,
            **self.dispatch(),
        )
        self.apis.append(tier)
        try:
            tier.start()
            yield
        finally:
            tier.close()

    def dispatch(self) -> dict[str, Any]:
        """Return the settings by which an API tier reaches the workers."""
        if self.cast.has_queue:
            return {"DISPATCH": "celery", "REDIS_URL": self.redis.url}
        urls = [worker.url for worker in self.workers if isinstance(worker, StubWorker | RealWorker)]
        return {"PERCHANCE_WORKER_URL": ",".join(urls), "JOB_CONCURRENCY": 16}

    def __exit__(self, *_: object) -> None:
        self._running.close()

    @property
    def api(self) -> Api:
        """Return the first API tier."""
        return self.apis[0]

    @property
    def celery_workers(self) -> list[CeleryWorker]:
        """Return the workers, if they are Celery's."""
        return [worker for worker in self.workers if isinstance(worker, CeleryWorker)]

    @property
    def database_url(self) -> str:
        """Return the DATABASE_URL of the jobs."""
        return self.postgres.url if self.postgres else f"sqlite:///{self.file}"

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query, asked of the database itself."""
        if self.postgres:
            with psycopg.connect(self.postgres.url) as connection:
                return list(connection.execute(query.encode()))
        with contextlib.closing(sqlite3.connect(self.file, timeout=20)) as file:
            return list(file.execute(query))

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold SQLite's write lock by another connection while the context lasts."""
        with contextlib.closing(sqlite3.connect(self.file, timeout=20, isolation_level=None)) as file:
            file.execute("BEGIN IMMEDIATE")
            yield
            file.execute("ROLLBACK")

    @contextlib.contextmanager
    def outage(self) -> Iterator[None]:
        """Remember the context as a time in which the jobs' rows could not be written."""
        since = time.time()
        yield
        self.outages.append(Outage(since, time.time()))

    def tracebacks(self) -> list[str]:
        """Return the first traceback of each log that has one, but those by which Celery says that Redis is away."""
        found = (next(_tracebacks(it.log()), None) for it in (*self.apis, *self.workers))
        return [traceback for traceback in found if traceback]


def _tracebacks(log: str) -> Iterator[str]:
    """Yield the tracebacks of a log: the line that each belongs to, and its end with the error."""
    for start in (match.start() for match in TRACEBACK.finditer(log)):
        line = log[log.rfind("\n", 0, max(0, start - 1)) + 1 : start]
        lines = log[start:].splitlines()
        length = next((number for number, line in enumerate(lines) if number and line[:1].strip()), len(lines))
        if OF_CONNECTION not in line:
            yield "\n".join([line.rstrip(), *lines[max(0, length - 6) : length + 1]])[:1500]
