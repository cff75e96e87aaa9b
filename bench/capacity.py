"""`python -m bench.capacity`: how many waiting clients one API process holds, by its model of concurrency.

The render worker is a stub that responds after ten seconds and accepts every request. The API tier is in a control
group of 512 MiB. The clients connect within eight seconds, so that all of them wait at the same time, or all at once,
each on its own connection; /health is requested meanwhile, a few times a second. Needs root.
"""

import argparse
import asyncio
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from bench import machine
from bench.cgroup import Cgroup, CgroupError
from bench.table import print_table
from tests.fakes.processes import Server, free_port

CLIENTS = 2000
WORKER_SECONDS = 10.0
TIMEOUT_SECONDS = 40.0
LIMIT_MIB = 512
PAUSE_SECONDS = 0.05
ARRIVAL_SECONDS = 8.0
THREADS = ("-c", "bench/threads.conf.py")
CONTENDERS: dict[str, tuple[float, tuple[str, ...]]] = {
    "ours: a greenlet each": (ARRIVAL_SECONDS, ()),
    "ours with threads": (ARRIVAL_SECONDS, THREADS),
    "gunicorn's defaults": (ARRIVAL_SECONDS, ("-c", "bench/defaults.conf.py")),
    "ours, all at once": (0.0, ()),
    "threads, all at once": (0.0, THREADS),
}
COLUMNS = (
    *("pictures", "median, s", "longest, s", "/health, ms", "its p99"),
    *("MiB idle", "MiB at most", "out-of-memory kills"),
)


@dataclass
class Measured:
    """One contender's figures."""

    seconds: list[float] = field(default_factory=list)
    """Of each picture."""
    lost: int = 0
    health_ms: list[float] = field(default_factory=list)
    health_lost: int = 0
    mib: float = 0.0
    """The most memory at one time."""

    def health(self) -> tuple[str, str]:
        """Return the p50 and p99 of /health in milliseconds."""
        latencies = sorted(self.health_ms) or [TIMEOUT_SECONDS * 1000]
        lost = f" ({self.health_lost} lost)" if self.health_lost else ""
        return f"{statistics.median(latencies):.0f}", f"{latencies[int(len(latencies) * 0.99)]:.0f}{lost}"


@contextmanager
def stub(seconds: float, *options: str) -> Iterator[str]:
    """Run the stub; yield its address."""
    command = [sys.executable, "-m", "bench.stub_worker", "--seconds", str(seconds), *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own
    try:
        assert process.stdout  # noqa: S101 - it is a pipe
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
    finally:
        process.terminate()
        process.communicate()  # which closes the pipe, too


async def _ask(port: int, path: str) -> int:
    """Return the status of a GET on a connection of its own."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        answer = await reader.read()
        return int(answer.split(b" ", 2)[1])
    finally:
        writer.close()


async def _timed(port: int, path: str) -> tuple[int, float]:
    """Return the status of a GET, 0 if it is lost, and its seconds."""
    begun = time.monotonic()
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            status = await _ask(port, path)
    except (OSError, TimeoutError, IndexError, ValueError):
        status = 0
    return status, time.monotonic() - begun


async def _storm(port: int, clients: int, arrival: float, group: Cgroup) -> Measured:
    measured = Measured()

    async def one(number: int) -> None:
        await asyncio.sleep(arrival * number / clients)
        status, seconds = await _timed(port, f"/generate?prompt=a+tree+{number}")
        if status == 200:
            measured.seconds.append(seconds)
        else:
            measured.lost += 1

    watching = asyncio.create_task(_watch_health(port, group, measured))
    await asyncio.gather(*(one(number) for number in range(clients)))
    watching.cancel()
    return measured


async def _watch_health(port: int, group: Cgroup, measured: Measured) -> None:
    while True:
        status, seconds = await _timed(port, "/health")
        if status:
            measured.health_ms.append(seconds * 1000)
        else:
            measured.health_lost += 1
        measured.mib = max(measured.mib, group.memory_mib)
        await asyncio.sleep(PAUSE_SECONDS)


def _server(own: tuple[str, ...], clients: int, worker: str) -> Server:
    if "-c" not in own:
        most = clients + 100
        return Server("app:app", *own, PERCHANCE_WORKER_URL=worker, MAX_GENERATIONS=most, LOG_LEVEL="WARNING")
    port = free_port()
    return Server("bench.any_server:app", *own, "--bind", f"127.0.0.1:{port}", PORT=port, PERCHANCE_WORKER_URL=worker)


def measure(name: str, clients: int, group: Cgroup, worker: str) -> list[str]:
    """Return one contender's row."""
    arrival, own = CONTENDERS[name]
    server = _server(own, clients, worker)
    server.before_start = group.join
    with server:
        idle = group.memory_mib
        measured = asyncio.run(_storm(server.port, clients, arrival, group))
    return [
        name,
        f"{len(measured.seconds)} of {clients}",
        f"{statistics.median(measured.seconds):.1f}" if measured.seconds else "–",
        f"{max(measured.seconds):.1f}" if measured.seconds else "–",
        *measured.health(),
        f"{idle:.0f}",
        f"{measured.mib:.0f}",
        str(group.oom_kills),
    ]


def main() -> int:
    """Measure every contender and print them side by side."""
    parser = argparse.ArgumentParser(prog="python -m bench.capacity", description=__doc__)
    parser.add_argument("--clients", type=int, default=CLIENTS, help=f"clients at once ({CLIENTS})")
    given = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    rows = []
    with stub(WORKER_SECONDS) as worker:
        for name in CONTENDERS:
            print(f"{name} ...", file=sys.stderr, flush=True)
            try:
                with Cgroup(LIMIT_MIB, machine.cores()) as group:
                    rows.append(measure(name, given.clients, group, worker))
            except CgroupError as error:
                print(error, file=sys.stderr)
                return 1
    work = f"{WORKER_SECONDS:g} s of work, {LIMIT_MIB} MiB"
    print_table([work, *COLUMNS], rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
