"""A real Celery worker, as a process of its own: start, wait until it takes messages, stop, kill."""

import signal
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path
from typing import Self

import psutil

from tests.fakes.processes import ROOT, START_SECONDS, STOP_SECONDS, clean_environment

APP = "render_worker.tasks"
NO_SERVICE = {
    "ENGINE_PRICES": "",
    "ENGINES": "openai",
    "OPENAI_BASE_URL": "http://127.0.0.1:9/v1",
    "OPENAI_KIND": "vllm-omni",
}
"""Settings of an engine whose service is not there: requests have to name sketch."""


class CeleryWorker:
    """A Celery worker of this repository, entered when it takes messages; by default it can make sketches alone.

    Its pictures are in `folder`, its own unless LOCAL_STORAGE_DIR is given.
    """

    def __init__(self, redis_url: str, *arguments: str, app: str = APP, name: str = "", **environment: object) -> None:
        """Prepare a Celery worker; `arguments` follow `celery -A app worker`."""
        self.name = f"{name or uuid.uuid4().hex[:8]}@tests"
        self._log = Path(tempfile.gettempdir(), f"celery-{uuid.uuid4().hex}.log")
        self.folder = Path(str(environment.get("LOCAL_STORAGE_DIR", self._log.with_suffix(".images"))))
        self._command = [sys.executable, "-m", "celery", "-A", app, "worker", "-n", self.name, *arguments]
        own = {"REDIS_URL": redis_url, "LOCAL_STORAGE_DIR": self.folder, "LOCAL_STORAGE_SHARED": "true"}
        self._environment = {**own, **NO_SERVICE, **environment}

    def start(self) -> None:
        """Start the process, again if it has ended, without waiting for it."""
        with self._log.open("ab") as log:
            self._begun = log.tell()
            self.process = subprocess.Popen(
                self._command,
                cwd=ROOT,
                env=clean_environment(**self._environment),
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait_ready(self) -> None:
        """Wait until it takes messages. Raises AssertionError if it does not."""
        end = time.monotonic() + START_SECONDS
        while f"{self.name} ready." not in self._log.read_bytes()[self._begun :].decode(errors="replace"):
            assert time.monotonic() < end, f"the Celery worker did not come up:\n{self.log()}"
            assert self.process.poll() is None, f"the Celery worker ended:\n{self.log()}"
            time.sleep(0.05)

    def __enter__(self) -> Self:
        self.start()
        try:
            self.wait_ready()
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.stop()
        finally:
            self.remove_log()

    def remove_log(self) -> None:
        """Remove the file of what it has printed."""
        self._log.unlink(missing_ok=True)

    def log(self) -> str:
        """Return what it has printed."""
        return self._log.read_text(errors="replace")

    def tree(self) -> list[psutil.Process]:
        """Return its process and all descendants of that."""
        parent = psutil.Process(self.process.pid)
        return [parent, *parent.children(recursive=True)]

    def stop(self, how: signal.Signals = signal.SIGTERM) -> float:
        """Signal it and wait until it exits; return the seconds taken. Raises TimeoutExpired if it does not."""
        begun = time.monotonic()
        if self.process.poll() is None:
            self.process.send_signal(how)
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()
                raise
        return time.monotonic() - begun

    def kill(self) -> None:
        """Kill its process, as the system does when memory runs out, and its browser, if it has one."""
        left = self.tree() if self.process.poll() is None else []
        for process in left:
            process.kill()
        self.process.wait()
