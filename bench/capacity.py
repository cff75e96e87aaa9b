"""`python -m bench.capacity`: how many callers who wait one API process holds, by which model of concurrency.

The render worker is a stub that answers after ten seconds and takes all comers. The API tier is in a control group of
512 MiB. The callers come within eight seconds, so that all of them wait at the same time, or all at once, each on a
connection of his own; /health is asked meanwhile, a few times a second. Needs root.
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
from tests.fakes.processes import Server, free_port

CALLERS = 2000
WORKER_SECONDS = 10.0
PATIENCE_SECONDS = 40.0
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


@dataclass
class Found:
    """What came of one contender."""

    waits: list[float] = field(default_factory=list)
    lost: int = 0
    healths: list[float] = field(default_factory=list)
    sick: int = 0
    mib: float = 0.0


@contextmanager
def stub(seconds: float) -> Iterator[str]:
    """The stub's address."""
    command = [sys.executable, "-m", "bench.stub_worker", "--seconds", str(seconds)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own
    try:
        assert process.stdout  # noqa: S101 - it is a pipe
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
    finally:
        process.terminate()
        process.wait()


async def _ask(port: int, path: str) -> int:
    """The status of a GET on a connection of its own."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        answer = await reader.read()
        return int(answer.split(b" ", 2)[1])
    finally:
        writer.close()


async def _storm(port: int, callers: int, arrival: float, group: Cgroup) -> Found:
    found = Found()

    async def one(number: int) -> None:
        await asyncio.sleep(arrival * number / callers)
        begun = time.monotonic()
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                status = await _ask(port, f"/generate?prompt=a+tree+{number}")
        except (OSError, TimeoutError, IndexError, ValueError):
            status = 0
        if status == 200:
            found.waits.append(time.monotonic() - begun)
        else:
            found.lost += 1

    async def health() -> None:
        while True:
            begun = time.monotonic()
            try:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    await _ask(port, "/health")
                found.healths.append((time.monotonic() - begun) * 1000)
            except (OSError, TimeoutError, IndexError, ValueError):
                found.sick += 1
            found.mib = max(found.mib, group.memory_mib)
            await asyncio.sleep(PAUSE_SECONDS)

    watching = asyncio.create_task(health())
    await asyncio.gather(*(one(number) for number in range(callers)))
    watching.cancel()
    return found


def measure(name: str, callers: int, group: Cgroup, worker: str) -> str:
    """One contender's row."""
    arrival, own = CONTENDERS[name]
    server = Server("app:app", *own, PERCHANCE_WORKER_URL=worker, MAX_GENERATIONS=callers + 100, LOG_LEVEL="WARNING")
    if "-c" in own:
        port = free_port()
        server = Server("app:app", *own, "--bind", f"127.0.0.1:{port}", PORT=port, PERCHANCE_WORKER_URL=worker)
    server.before_start = group.join
    with server:
        idle = group.memory_mib
        found = asyncio.run(_storm(server.port, callers, arrival, group))
    healths = sorted(found.healths) or [PATIENCE_SECONDS * 1000]
    cells = [
        name,
        f"{len(found.waits)} of {callers}",
        f"{statistics.median(found.waits):.1f}" if found.waits else "–",
        f"{max(found.waits):.1f}" if found.waits else "–",
        f"{statistics.median(healths):.0f}",
        f"{healths[int(len(healths) * 0.99)]:.0f}" + (f" ({found.sick} lost)" if found.sick else ""),
        f"{idle:.0f}",
        f"{found.mib:.0f}",
        str(group.oom_kills),
    ]
    return f"| {' | '.join(cells)} |"


def main() -> int:
    """Measure every contender and print them side by side."""
    parser = argparse.ArgumentParser(prog="python -m bench.capacity", description=__doc__)
    parser.add_argument("--callers", type=int, default=CALLERS, help=f"who ask at once ({CALLERS})")
    given = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    rows = []
    with stub(WORKER_SECONDS) as worker:
        for name in CONTENDERS:
            print(f"{name} ...", file=sys.stderr, flush=True)
            try:
                with Cgroup(LIMIT_MIB, machine.cores()) as group:
                    rows.append(measure(name, given.callers, group, worker))
            except CgroupError as error:
                print(error, file=sys.stderr)
                return 1
    print(f"\n{machine.line()}\n")
    print(
        f"| {WORKER_SECONDS:g} s of work, {LIMIT_MIB} MiB | pictures | median, s | longest, s | /health, ms | its p99 "
        "| MiB idle | MiB at most | out-of-memory kills |\n|---|---|---|---|---|---|---|---|---|"
    )
    print("\n".join(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
