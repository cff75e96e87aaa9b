"""Real servers for tests, as processes of their own: start, readiness probe, stop."""

import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import psutil
import requests

from local.settings import OF_API
from render_worker.settings import VARIABLES
from sandbox.registry import STAND_INS, pointers
from sandbox.stand_in import Addresses

ROOT = Path(__file__).resolve().parent.parent.parent
START_SECONDS = 60
STOP_SECONDS = 20
PATIENCE_SECONDS = 60
# If the machine that runs the tests sets these, they must not reach the servers under test.
FOREIGN = VARIABLES | OF_API | {"WEB_CONCURRENCY", "GUNICORN_CMD_ARGS"}
# Each is given once, in fours. The kernel's own choice (net.ipv4.ip_local_port_range, from 32768) would do only
# until an outgoing connection takes the port before the server binds it.
PORTS = iter(random.sample(range(12_000, 32_000, 4), 5_000))


def free_port() -> int:
    """Return a port that is free at this moment."""
    return four_free_ports()


def four_free_ports() -> int:
    """Return the first of four consecutive ports that are free at this moment. Raises StopIteration if none is."""
    return next(first for first in PORTS if all(_is_free(port) for port in range(first, first + 4)))


def _is_free(port: int) -> bool:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


def clean_environment(**changes: object) -> dict[str, str]:
    """Return this process's environment without settings of either tier, and with some changes."""
    kept = {name: value for name, value in os.environ.items() if name not in FOREIGN}
    return {**kept, "PYTHONUNBUFFERED": "1", **{name: str(value) for name, value in changes.items()}}


class Server:
    """A gunicorn of this repository on a free port, entered when it is up."""

    def __init__(
        self,
        *arguments: str,
        port_variable: str = "PORT",
        ready: str = "/health",
        before_start: Callable[[], object] | None = None,
        **environment: object,
    ):
        """Prepare a server; the new process calls `before_start`, if given, before it becomes the server."""
        self.before_start = before_start
        self._arguments = arguments
        self._port_variable = port_variable
        self._ready = ready
        self._environment = environment
        self._log = Path(tempfile.gettempdir(), f"server-{uuid.uuid4().hex}.log")

    def start(self) -> None:
        """Start the server on a free port, without waiting for it."""
        self.port = int(str(self._environment.get(self._port_variable) or free_port()))
        self.start_again()

    def start_again(self) -> None:
        """Start the server on the port that it had, without waiting for it."""
        self.url = f"http://127.0.0.1:{self.port}"
        own = {"HOST": "127.0.0.1", self._port_variable: self.port, "DATABASE_URL": f"sqlite:///{self._log}.db"}
        variables = clean_environment(**{**own, **self._environment})
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "gunicorn", *self._arguments],
                cwd=ROOT,
                env=variables,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=self.before_start,
            )

    def __enter__(self) -> Self:
        for _ in range(3):  # another process may take the free port before the server does
            self.start()
            if self._is_up():
                return self
            self.stop()
            if "already in use" not in self.log():
                break
        raise AssertionError(f"the server did not come up:\n{self.log()}")

    def _is_up(self) -> bool:
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end and self.process.poll() is None:
            try:
                if not _is_loading(requests.get(self.url + self._ready, timeout=5)):
                    return True
            except requests.ConnectionError:
                pass
            time.sleep(0.05)
        return False

    def __exit__(self, *_: object) -> None:
        self.stop()
        for file in self._log.parent.glob(f"{self._log.name}*"):  # with the jobs' database
            file.unlink(missing_ok=True)

    def log(self) -> str:
        """Return what the server has printed."""
        return self._log.read_text(errors="replace")

    @property
    def log_file(self) -> Path:
        """Return the file of what the server prints, which may be too large for one text."""
        return self._log

    def tree(self) -> list[psutil.Process]:
        """Return the server's process and all its descendants."""
        parent = psutil.Process(self.process.pid)
        return [parent, *parent.children(recursive=True)]

    def stop(self, how: signal.Signals = signal.SIGTERM) -> float:
        """Signal the server and wait until it exits; return the seconds taken. Raises TimeoutExpired if it does not."""
        begun = time.monotonic()
        if self.process.poll() is None:
            self.process.send_signal(how)
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
                raise
        return time.monotonic() - begun


def _is_loading(response: requests.Response) -> bool:
    """Return whether /health is not yet the application's own: no engine has a state then."""
    return b'"status":"starting"' in response.content and b'"state"' not in response.content


class Sandbox(Server):
    """The stand-ins of the outside world; `upload_origin` is the host of their pictures."""

    def __init__(self, **environment: Any) -> None:
        command = ("-c", "sandbox/gunicorn.conf.py")
        super().__init__(*command, port_variable="SANDBOX_PORT", ready="/sandbox", **environment)

    def start(self) -> None:
        """Start the stand-ins on two free ports, without waiting for them."""
        upload_port = free_port()
        self._environment["SANDBOX_UPLOAD_PORT"] = upload_port
        self.upload_origin = f"http://127.0.0.1:{upload_port}"
        super().start()

    def pointers(self, *names: str) -> dict[str, str]:
        """Return the variables that point a render worker to the named stand-ins."""
        return pointers(Addresses(self.url, self.upload_origin), *names)

    def keys(self, *names: str) -> dict[str, str]:
        """Return made-up credentials that the named stand-ins accept."""
        return {name: value for each in names for name, value in STAND_INS[each].keys.items()}


def sandbox(**environment: Any) -> Sandbox:
    """Return a sandbox that is not started."""
    return Sandbox(**environment)


def worker(**environment: Any) -> Server:
    """Return a render worker that is not started."""
    return Server("-c", "render_worker/gunicorn.conf.py", **environment)


def api(**environment: Any) -> Server:
    """Return an API tier that is not started; its command is the documents'."""
    return Server("app:app", **environment)


def command_of(process: psutil.Process) -> str:
    """Return a process's command line; empty if it has just ended."""
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:  # raised for a zombie, too
        return ""


def open_files(process: psutil.Process, port: int) -> int:
    """Return how many files a server has open; if only root may see that, how many connections its port has."""
    try:
        return int(process.num_fds())
    except psutil.AccessDenied:  # neither tier is dumpable
        ends = [(each.laddr, each.status) for each in psutil.net_connections("tcp") if each.laddr]
        return sum(address.port == port and status != psutil.CONN_TIME_WAIT for address, status in ends)


def left_of(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Return those of the processes that still run."""
    return [process for process in processes if not _has_ended(process)]


def _has_ended(process: psutil.Process) -> bool:
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def wait_until(condition: Callable[[], object], what: str, seconds: float = PATIENCE_SECONDS) -> None:
    """Poll until the condition holds; a slow machine is no failure. Raises AssertionError after `seconds`."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"{what} did not come true within {seconds} seconds"
        time.sleep(0.02)
