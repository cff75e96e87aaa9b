"""An API tier that is killed and started again."""

import contextlib
import signal
from typing import Any

import psutil
import requests

from tests.chaos.ends import kill_all
from tests.fakes.processes import Server, api, wait_until


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

    def wait(self) -> None:
        """Wait until it is up, its jobs included, which load after the rest."""
        wait_until(self._answers, "an answer of the API tier")

    def _answers(self) -> bool:
        try:
            return requests.get(f"{self.url}/api/v1/jobs", timeout=5).ok
        except requests.RequestException:
            return False

    def kill(self) -> None:
        """Kill all of its processes with SIGKILL."""
        kill_all(self.server.tree())
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
                kill_all(self.server.tree())
            self.server.process.wait()
        self.server.log_file.unlink(missing_ok=True)
