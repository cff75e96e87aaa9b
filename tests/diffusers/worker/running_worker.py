"""A render worker as a process of its own: tests/fakes/processes.py needs the API tier, which is not installed here."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import requests

from render_worker.settings import VARIABLES

ROOT = Path(__file__).resolve().parent.parent.parent.parent
START_SECONDS = 120
STOP_SECONDS = 30


class RunningWorker:
    """A gunicorn of the render worker on a free port, with settings by the names of their variables."""

    def __init__(self, folder: Path, **settings: object) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self.folder = folder
        kept = {name: value for name, value in os.environ.items() if name not in VARIABLES}
        own = {"HOST": "127.0.0.1", "PORT": port, "LOCAL_STORAGE_DIR": folder / "images", **settings}
        with (folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "gunicorn", "-c", "render_worker/gunicorn.conf.py"],
                cwd=ROOT,
                env={**kept, **{name: str(value) for name, value in own.items()}},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait_until_ready(self, engine: str) -> None:
        """Wait until the engine is ready."""
        self.wait_until(lambda: self._state_of(engine) == "ready", f"{engine} is ready")

    def wait_until(self, condition: Callable[[], object], what: str) -> None:
        """Poll until the condition holds, as long as the process lives. Raises AssertionError after START_SECONDS."""
        end = time.monotonic() + START_SECONDS
        while not condition():
            assert self._process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < end, f"not within {START_SECONDS} seconds: {what}"
            time.sleep(0.05)

    def get(self, path: str) -> dict:
        return requests.get(self.url + path, timeout=60).json()

    def post(self, path: str, headers: dict | None = None, **fields: object) -> requests.Response:
        return requests.post(self.url + path, json=fields, headers=headers, timeout=180)

    def stop(self) -> int:
        """Return the exit code of the process once it has ended."""
        self._process.terminate()
        try:
            return self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise

    def _state_of(self, engine: str) -> str | None:
        try:
            return self.get("/health")["engines"][engine]["state"]
        except requests.ConnectionError:
            return None
