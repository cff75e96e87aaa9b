"""The processes of one scene: a database, stub render workers, and API tiers, all to be killed and started again."""

import contextlib
import json
import math
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import psutil
import psycopg
import requests

from tests.chaos.render_worker import append
from tests.fakes.postgres_server import PostgresServer
from tests.fakes.processes import ROOT, Server, api, free_port, left_of, sandbox, wait_until, worker

TRACEBACK = "Traceback (most recent call last)"


@dataclass(frozen=True)
class Made:
    """A picture that a render worker made."""

    what: str
    """The request's id, or the prompt."""
    at: float
    until: float
    """When that life of the render worker ended, which knew of it until then. Both are of the render worker's clock."""


def made_within(what: str, at: float, ends: list[float]) -> Made:
    """Return a picture that was made in the life that ended next."""
    return Made(what, at, min((it for it in ends if it >= at), default=math.inf))


class StubWorker:
    """A stub render worker as a process, always on the same port."""

    def __init__(self, folder: Path, seconds: tuple[float, float]) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.ledger = folder / f"ledger-{self.port}"
        self._log = folder / f"worker-{self.port}.log"
        self._seconds = [str(it) for it in seconds]
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, without waiting."""
        command = ["-m", "tests.chaos.render_worker", "--port", str(self.port), "--ledger", str(self.ledger)]
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, *command, "--seconds", *self._seconds], cwd=ROOT, stdout=log, stderr=log
            )

    def close(self) -> None:
        """End it, if it was started."""
        if self.process:
            self.process.kill()
            self.process.wait()

    def kill(self) -> None:
        """Kill it with SIGKILL."""
        self.close()
        append(self.ledger, {"event": "killed", "at": time.time()})

    def log(self) -> str:
        """Return what it has printed."""
        return self._log.read_text()

    def made(self) -> list[Made]:
        """Return the pictures that all of its lives have made."""
        entries = [json.loads(line) for line in self.ledger.read_text().splitlines()] if self.ledger.exists() else []
        ends = [it["at"] for it in entries if it["event"] == "killed"]
        return [made_within(it["id"], it["at"], ends) for it in entries if it["event"] == "made"]


class RealWorker:
    """A render worker of this repository, with the sandbox's AI Horde behind it."""

    def __init__(self, folder: Path, seconds: tuple[float, float]) -> None:
        self._site = sandbox()
        self._folder = folder
        self._seconds = max(seconds)
        self._logs: list[str] = []
        self._ends: list[float] = []
        self._running = contextlib.ExitStack()

    def start(self) -> None:
        """Start it, the first time with its sandbox, and wait until it is up."""
        if self._logs:
            self.server.start_again()
            return
        self._site.__enter__()
        self._running.callback(self._site.__exit__)
        requests.post(f"{self._site.url}/sandbox", json={"delay": self._seconds}, timeout=10).raise_for_status()
        self.server = worker(
            **{**self._site.pointers("horde"), "ENGINES": "horde", "HORDE_POLL_SECONDS": 0.2},
            LOCAL_STORAGE_DIR=self._folder / "images",
        )
        self._running.callback(self._end_server)
        self.server.__enter__()
        self.url = self.server.url

    def kill(self) -> None:
        """Kill all of its processes with SIGKILL."""
        self._logs.append(self.server.log())
        _kill(self.server.tree())
        self.server.process.wait()
        self._ends.append(len(self._orders()))

    def close(self) -> None:
        """End it and its sandbox."""
        self._running.close()

    def _end_server(self) -> None:
        if self.server.process.poll() is None:
            _kill(self.server.tree())
            self.server.process.wait()
        self.server.log_file.unlink(missing_ok=True)

    def log(self) -> str:
        """Return what all of its lives have printed."""
        return "".join([*self._logs, self.server.log()])

    def made(self) -> list[Made]:
        """Return the pictures that it ordered, by their prompts."""
        return [made_within(prompt, number, self._ends) for number, prompt in enumerate(self._orders())]

    def _orders(self) -> list[str]:
        entries = requests.get(f"{self._site.url}/sandbox/log", timeout=10).json()
        return [it["body"]["prompt"] for it in entries if it["endpoint"] == "horde"]


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
        self, kind: str, folder: Path, seconds: tuple[float, float], *, workers: int, apis: int, is_real: bool
    ) -> None:
        self.postgres = PostgresServer(fsync=True) if kind == "postgresql" else None
        self.file = folder / "jobs.db"
        self.workers = [(RealWorker if is_real else StubWorker)(folder, seconds) for _ in range(workers)]
        self.apis: list[Api] = []
        self._api_count = apis
        self._concurrency = 4 if is_real else 16
        self._running = contextlib.ExitStack()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as starting:
            if self.postgres:
                starting.enter_context(self.postgres)
            for each in self.workers:
                starting.callback(each.close)
                each.start()
            for _ in range(self._api_count):
                starting.enter_context(self._api())
            self._running = starting.pop_all()
        return self

    @contextlib.contextmanager
    def _api(self) -> Iterator[None]:
        tier = Api(
            DATABASE_URL=self.database_url,
            PERCHANCE_WORKER_URL=",".join(worker.url for worker in self.workers),
            TRUSTED_PROXIES="loopback",
            JOB_CONCURRENCY=self._concurrency,
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
