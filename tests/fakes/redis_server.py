"""A real Redis for a test, on a port of its own, that can be stopped and started again."""

import shutil
import subprocess
from typing import Self

import redis

from tests.fakes.processes import free_port, wait_until


class RedisServer:
    """`with RedisServer() as server:` runs one; it keeps nothing on disk."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.client = redis.Redis(port=self.port)

    def start(self) -> None:
        """Start it, also again after a stop; it begins empty."""
        executable = shutil.which("redis-server")
        assert executable, "redis-server is missing; `make test` installs it"
        self._process = subprocess.Popen(
            [executable, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"],
            stdout=subprocess.DEVNULL,
        )
        wait_until(self._answers, "redis-server")

    def _answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except redis.ConnectionError:
            return False

    def stop(self) -> None:
        """End it at once, as a host that fails does."""
        self.client.close()
        self._process.kill()
        self._process.wait()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
