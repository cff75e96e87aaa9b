"""A real Redis on a port of its own, which a test can stop and start again."""

import shutil
import subprocess
from typing import Self
from urllib.parse import quote

import redis

from tests.fakes.processes import free_port, wait_until


class RedisServer:
    """A Redis that runs while it is entered, and keeps nothing on disk; with a password if one is given."""

    def __init__(self, password: str = "") -> None:
        self.port = free_port()
        self.password = password
        user = f":{quote(password, safe='')}@" if password else ""
        self.url = f"redis://{user}127.0.0.1:{self.port}/0"
        self.client = redis.Redis(port=self.port, password=password or None)

    def start(self) -> None:
        """Start Redis, also after a stop; it begins empty. Raises AssertionError if redis-server is missing."""
        executable = shutil.which("redis-server")
        assert executable, "redis-server is missing; `make test` installs it"
        options = f'bind 127.0.0.1\nport {self.port}\nsave ""\nappendonly no\nrequirepass "{self.password}"\n'
        self._process = subprocess.Popen([executable, "-"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        assert self._process.stdin
        with self._process.stdin as stdin:  # a command line is for all to read
            stdin.write(options.encode())
        wait_until(self._answers, "redis-server")

    def _answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except redis.ConnectionError:
            return False

    def stop(self) -> None:
        """Kill Redis, as if its host failed."""
        self.client.close()
        self._process.kill()
        self._process.wait()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
