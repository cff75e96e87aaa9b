"""A real Redis on a port of its own, which a test can stop and start again."""

import shutil
import signal
import subprocess
from pathlib import Path
from typing import Self
from urllib.parse import quote

import psutil
import redis

from tests.fakes.processes import free_port, wait_until


class RedisServer:
    """A Redis that runs while it is entered, with a password if one is given.

    It keeps nothing on disk, unless it has a folder for its log (AOF).
    """

    def __init__(self, password: str = "", *, folder: Path | None = None) -> None:
        self.port = free_port()
        self.password = password
        user = f":{quote(password, safe='')}@" if password else ""
        self.url = f"redis://{user}127.0.0.1:{self.port}/0"
        self.client = redis.Redis(port=self.port, password=password or None)
        # By `everysec` each command is the kernel's before its client has the reply: a killed Redis keeps it.
        self._persistence = ["--dir", str(folder), "--appendonly", "yes"] if folder else ["--appendonly", "no"]

    def start(self) -> None:
        """Start Redis, also after a stop; it begins with what it kept. Raises AssertionError if it is missing."""
        executable = shutil.which("redis-server")
        assert executable, "redis-server is missing; `make test` installs it"
        command = [executable, "-", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", *self._persistence]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        assert self._process.stdin
        with self._process.stdin as settings:  # a command line is for all to read
            settings.write(f'requirepass "{self.password}"\n'.encode())
        wait_until(self._answers, "redis-server")

    def _answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except redis.ConnectionError:
            return False

    @property
    def process(self) -> psutil.Process:
        """Return its process."""
        return psutil.Process(self._process.pid)

    def stop(self) -> None:
        """Kill Redis, as if its host failed."""
        self.client.close()
        self._process.kill()
        self._process.wait()

    def suspend(self) -> None:
        """Have it stand still: connections stay, and no command is answered."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Have it go on."""
        self._process.send_signal(signal.SIGCONT)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
