"""The processes of one scene: a database, stub render workers, and API tiers, all to be killed and started again."""

import contextlib
import json
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import psutil
import psycopg

from tests.fakes.postgres_server import PostgresServer
from tests.fakes.processes import ROOT, Server, api, free_port, left_of, wait_until

TRACEBACK = "Traceback (most recent call last)"
STOP_SECONDS = 40  # of an API tier that drains, on a machine that is busy


class StubWorker:
    """A stub render worker as a process, always on the same port."""

    def __init__(self, folder: Path, seconds: tuple[float, float]) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.ledger = folder / f"ledger-{self.port}"
        self._log = folder / f"worker-{self.port}.log"
        self._seconds = [str(it) for it in seconds]

    def start(self) -> None:
        """Start it, without waiting."""
        command = ["-m", "tests.chaos.render_worker", "--port", str(self.port), "--ledger", str(self.ledger)]
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, *command, "--seconds", *self._seconds], cwd=ROOT, stdout=log, stderr=log
            )

    def kill(self) -> None:
        """Kill it with SIGKILL."""
        self.process.kill()
        self.process.wait()

    def log(self) -> str:
        """Return what it has printed."""
        return self._log.read_text()

    def events(self, event: str) -> Counter[tuple[str, str]]:
        """Return how often an event came to each request of each life of this worker."""
        lines = self.ledger.read_text().splitlines() if self.ledger.exists() else []
        entries = [json.loads(line) for line in lines]
        return Counter((it["worker"], it["id"]) for it in entries if it["event"] == event)


class Api:
    """An API tier that is killed and started again on its port; what all its lives have logged is kept."""

    def __init__(self, **environment: Any) -> None:
        self.server: Server = api(**environment)
        self._logs: list[str] = []

    @property
    def url(self) -> str:
        """Return its address, which stays."""
        return self.server.url

    def start(self) -> None:
        """Start it and wait until it is up."""
        self.server.__enter__()

    def start_again(self) -> None:
        """Start it again on its port, without waiting."""
        self._logs.append(self.server.log())
        self.server.start_again()

    def kill(self) -> None:
        """Kill all of its processes with SIGKILL."""
        _kill(self.server.tree())
        self.server.process.wait()

    def send(self, number: signal.Signals) -> None:
        """Signal all of its processes."""
        for process in self.server.tree():
            process.send_signal(number)

    def terminate(self) -> float:
        """Send SIGTERM and wait for the end; return the seconds taken."""
        return self.server.stop()

    def log(self) -> str:
        """Return what all of its lives have printed."""
        return "".join([*self._logs, self.server.log()])

    def close(self) -> None:
        """End it, whatever state it is in."""
        if self.server.process.poll() is None:
            with contextlib.suppress(psutil.NoSuchProcess):
                _kill(self.server.tree())
            self.server.process.wait()
        self.server.log_file.unlink(missing_ok=True)


class Stage:
    """The processes of one scene; all of them are ended with it."""

    def __init__(
        self, kind: str, folder: Path, *, seconds: tuple[float, float], workers: int = 1, apis: int = 1
    ) -> None:
        self.folder = folder
        self.postgres = PostgresServer(fsync=True) if kind == "postgresql" else None
        self.file = folder / "jobs.db"
        self.workers = [StubWorker(folder, seconds) for _ in range(workers)]
        self._apis_count = apis
        self.apis: list[Api] = []
        self._running = contextlib.ExitStack()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as starting:
            if self.postgres:
                starting.enter_context(self.postgres)
            for worker in self.workers:
                worker.start()
                starting.callback(worker.kill)
            for _ in range(self._apis_count):
                starting.enter_context(self._api())
            self._running = starting.pop_all()
        return self

    @contextlib.contextmanager
    def _api(self) -> Iterator[None]:
        tier = Api(
            DATABASE_URL=self.database_url,
            PERCHANCE_WORKER_URL=",".join(worker.url for worker in self.workers),
            TRUSTED_PROXIES="loopback",
            JOB_CONCURRENCY=16,
            GRACEFUL_TIMEOUT_SECONDS=5,
            RETRY_BACKOFF_BASE=1,
        )
        self.apis.append(tier)
        try:
            tier.start()
            yield
        finally:
            tier.close()

    def __exit__(self, *_: object) -> None:
        self._running.close()

    @property
    def api(self) -> Api:
        """Return the first API tier."""
        return self.apis[0]

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

    def tracebacks(self) -> list[str]:
        """Return the logs that have a traceback."""
        logs = [it.log() for it in (*self.apis, *self.workers)]
        return [_first_traceback(log) for log in logs if TRACEBACK in log]


def _first_traceback(log: str) -> str:
    """Return the end of a log's first traceback, with its error."""
    lines = log[log.index(TRACEBACK) :].splitlines()
    length = next((number for number, line in enumerate(lines) if number and line[:1].strip()), len(lines))
    return "\n".join(lines[max(0, length - 6) : length + 1])[:1500]


def _kill(processes: list[psutil.Process]) -> None:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    wait_until(lambda: not left_of(processes), "the end of what was killed")
