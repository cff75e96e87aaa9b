"""The servers of one attack, what is measured of them, and the registry of attacks."""

import contextlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import psutil

from tests.fakes import processes
from tests.fakes.processes import ROOT, Server
from tests.hostile.stand_in import StandIn
from tests.hostile.wire import Tally

TOKEN = "a-token-of-the-tests"
QUICK_STOP = {"GRACEFUL_TIMEOUT_SECONDS": 1}
TRACEBACK = b"Traceback (most recent call last)"
PROBE_SECONDS = 30.0


@dataclass(frozen=True)
class Verdict:
    """Whether the service held, and the value that shows it."""

    held: bool
    value: str


@dataclass(frozen=True)
class Footprint:
    """The resources that servers use."""

    mib: int
    descriptors: int
    log_bytes: int
    files: int


class Arena:
    """The servers of one attack, stopped when it is over, and the resources that they used."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.tally = Tally()
        self.waits: list[float] = []
        """Latency of every request for /health, in milliseconds."""
        self.unanswered = 0
        self.before: Footprint | None = None
        self.after: Footprint | None = None
        self.tracebacks = 0
        self._servers: list[Server] = []
        self._running = contextlib.ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    def api(self, **environment: Any) -> Server:
        """Start an API tier."""
        return self._watched(processes.api(**QUICK_STOP, **environment))

    def worker(self, **environment: Any) -> Server:
        """Start a render worker that keeps pictures in the arena's folder and reaches no outside service."""
        nowhere = f"http://127.0.0.1:{processes.free_port()}/api"
        own = {"ENGINES": "horde", "HORDE_URL": nowhere, "LOCAL_STORAGE_DIR": self.folder / "images"}
        own |= {"WORKER_TOKEN": TOKEN}
        return self._watched(processes.worker(**{**QUICK_STOP, **own, **environment}))

    def sandbox(self) -> processes.Sandbox:
        """Start a sandbox."""
        return self._running.enter_context(processes.sandbox())

    def horde(self, **environment: Any) -> tuple[processes.Sandbox, Server]:
        """Start a render worker with the sandbox's AI Horde behind it; return the sandbox and the worker."""
        site = self.sandbox()
        own = {**site.pointers("horde"), "HORDE_POLL_SECONDS": 0.2}
        return site, self.worker(**{**own, **environment})

    def stand_in(self, port: int = 0, seconds: float = 0) -> StandIn:
        """Start a stand-in for a render worker; each picture takes `seconds`."""
        return self._running.enter_context(StandIn(port, seconds))

    def behind(self, worker: Server | StandIn, **environment: Any) -> Server:
        """Start an API tier before that worker."""
        return self.api(**{"PERCHANCE_WORKER_URL": worker.url, "WORKER_TOKEN": TOKEN, **environment})

    @contextlib.contextmanager
    def probed(self, server: Server) -> Iterator[None]:
        """Probe /health while the context is entered, and record the latencies."""
        command = [sys.executable, "-m", "tests.hostile.probe", str(server.port)]
        with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as asker:
            try:
                yield
                output, _ = asker.communicate(timeout=PROBE_SECONDS)
            finally:
                asker.kill()
        found = json.loads(output)
        self.waits += found["milliseconds"]
        self.unanswered += found["unanswered"]

    @property
    def p99(self) -> float | None:
        """Return the p99 latency of /health in milliseconds; None if it was never probed."""
        return sorted(self.waits)[int(len(self.waits) * 0.99)] if self.waits else None

    def measure(self) -> None:
        """Take the last measurements, before the servers end."""
        self.after = self._footprint()
        self.tracebacks = sum(server.log_file.read_bytes().count(TRACEBACK) for server in self._servers)

    def _watched(self, server: Server) -> Server:
        self._running.enter_context(server)
        self._servers.append(server)
        self.before = self._footprint()
        return server

    def _footprint(self) -> Footprint:
        mib = descriptors = 0
        for server in self._servers:
            with contextlib.suppress(psutil.NoSuchProcess):  # it has died, which the attack itself detects
                tree = server.tree()
                mib += sum(process.memory_info().rss for process in tree) // 2**20
                descriptors += _open_files(tree, server.port)
        logs = sum(server.log_file.stat().st_size for server in self._servers)
        return Footprint(mib, descriptors, logs, sum(path.is_file() for path in self.folder.rglob("*")))


def _open_files(tree: list[psutil.Process], port: int) -> int:
    """Return how many files a server's processes have open; if only root may see that, the connections of its port."""
    try:
        return sum(process.num_fds() for process in tree)
    except psutil.AccessDenied:  # both tiers are undumpable
        return processes.open_files(tree[0], port)


@dataclass(frozen=True)
class Attack:
    """An attack by one anonymous client, and how it is judged."""

    name: str
    what: str
    quick: bool
    run: Callable[[Arena], Verdict]


ATTACKS: dict[str, Attack] = {}


def attack(*, quick: bool = False) -> Callable[[Callable[[Arena], Verdict]], Callable[[Arena], Verdict]]:
    """Register a function as an attack; its name and the first line of its docstring describe it.

    `quick`: it takes some seconds and measures no latency, so that the tests run it as well.
    """

    def register(run: Callable[[Arena], Verdict]) -> Callable[[Arena], Verdict]:
        name = run.__name__.replace("_", "-")
        what = (run.__doc__ or "").strip().splitlines()[0]
        ATTACKS[name] = Attack(name, what, quick, run)
        return run

    return register
