"""The workers of a scene, which make pictures and are killed and started again: stubs, and this repository's own."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Protocol

from tests.chaos.ends import Made, kill_all, made_within
from tests.chaos.render_worker import append
from tests.fakes import celery_worker
from tests.fakes.image_service import ImageService
from tests.fakes.processes import ROOT, free_port, worker

CONCURRENCY = 16
THREADS = 8
"""Of a Celery worker: pictures that it makes at a time."""


class Worker(Protocol):
    """What a scene does with a worker."""

    def start(self) -> None:
        """Start it, also after it was killed."""

    def kill(self) -> None:
        """Kill all of its processes with SIGKILL."""

    def close(self) -> None:
        """End it, if it was started."""

    def log(self) -> str:
        """Return what all of its lives have printed."""

    def made(self) -> list[Made]:
        """Return the pictures of all of its lives."""


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


class _OfService:
    """A worker of this repository, which asks an image service under its name."""

    def __init__(self, name: str, service: ImageService) -> None:
        self.name = name
        self.ends: list[float] = []
        """When each of its lives ended, or stood still for so long that its work was given to others."""
        self._service = service

    def made(self) -> list[Made]:
        """Return the pictures that all of its lives have begun, by their prompts, but those that failed."""
        entries = self._service.entries()
        failed = {it.number for it in entries if it.event in ("failed", "refused")}
        begun = [it for it in entries if it.client == self.name and it.event == "begun" and it.number not in failed]
        return [made_within(it.prompt, it.at, self.ends) for it in begun]

    def _settings(self, folder: Path) -> dict[str, Any]:
        return {
            **self._service.environment(self.name),
            "ENGINE_CONCURRENCY": CONCURRENCY,
            "ENGINE_FAILURES": 0,  # some requests fail, and how many in a row is chance
            "LOCAL_STORAGE_DIR": folder / "images",
        }


class RealWorker(_OfService):
    """A render worker of this repository."""

    def __init__(self, name: str, folder: Path, service: ImageService) -> None:
        super().__init__(name, service)
        self.server = worker(**self._settings(folder))
        self._logs: list[str] = []
        self._is_started = False

    @property
    def url(self) -> str:
        """Return its address, which stays."""
        return self.server.url

    def start(self) -> None:
        """Start it, the first time until it is up."""
        if self._is_started:
            self.server.start_again()
        else:
            self.server.__enter__()
            self._is_started = True

    def kill(self) -> None:
        """Kill all of its processes with SIGKILL."""
        self._logs.append(self.server.log())
        kill_all(self.server.tree())
        self.server.process.wait()
        self.ends.append(time.time())

    def close(self) -> None:
        """End it, if it was started."""
        if self._is_started:
            if self.server.process.poll() is None:
                kill_all(self.server.tree())
                self.server.process.wait()
            self.server.log_file.unlink(missing_ok=True)

    def log(self) -> str:
        """Return what all of its lives have printed."""
        return "".join([*self._logs, self.server.log()])


class CeleryWorker(_OfService):
    """A Celery worker of this repository, with some threads."""

    def __init__(self, name: str, folder: Path, service: ImageService, redis_url: str) -> None:
        super().__init__(name, service)
        settings = self._settings(folder)
        self.process = celery_worker.CeleryWorker(redis_url, "-c", str(THREADS), name=name, **settings)
        self._is_started = False

    def start(self) -> None:
        """Start it, without waiting."""
        self.process.start()
        self._is_started = True

    def kill(self) -> None:
        """Kill all of its processes with SIGKILL."""
        self.process.kill()
        self.ends.append(time.time())

    def terminate(self) -> None:
        """Send SIGTERM and wait for the end. Raises TimeoutExpired if it does not come."""
        self.process.stop()
        self.ends.append(time.time())

    def close(self) -> None:
        """End it, if it was started."""
        if self._is_started:
            self.process.kill()
            self.process.remove_log()

    def log(self) -> str:
        """Return what all of its lives have printed."""
        return self.process.log()
