"""`python -m tests.fuzz --seed 7 --count 100000`: random requests to both tiers.

Half of them go to the API tier before a stand-in of the render worker, half to a render worker. None may cause a 500,
a traceback, the end of a process or a missing response. The same seed sends the same bytes; a sample that failed is
printed as Python's bytes, and `--at` sends it again. "silent" counts connections that ended without a response, as one
does if its request was incomplete.
"""

import argparse
import contextlib
import multiprocessing
import secrets
import signal
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from tests.fakes.processes import Server
from tests.fuzz.credentials import ENVIRONMENT
from tests.fuzz.drive import FuzzReport, drive
from tests.fuzz.samples import Tier, sample
from tests.hostile.arena import TRACEBACK, Arena

CHUNK = 500
DRIVERS = 2
SHOWN = 10
SHOWN_TEXT = 2500
BAR = 40
READ_SECONDS = 5  # READ_TIMEOUT_SECONDS of the servers


class Targets:
    """Both tiers under test, and whether their processes still run."""

    def __init__(self, arena: Arena) -> None:
        self.servers: dict[Tier, Server] = {
            "api": arena.behind(arena.stand_in(), READ_TIMEOUT_SECONDS=READ_SECONDS, **ENVIRONMENT),
            "worker": arena.worker(READ_TIMEOUT_SECONDS=READ_SECONDS),
        }
        self._processes = {tier: self._alive(tier) for tier in self.servers}

    def _alive(self, tier: Tier) -> set[int]:
        with contextlib.suppress(Exception):  # its master has died, too
            return {process.pid for process in self.servers[tier].tree()}
        return set()

    def problems(self) -> list[str]:
        """Return what the samples caused: tracebacks, and processes that died."""
        found = []
        for tier, server in self.servers.items():
            log = server.log_file.read_bytes()
            if count := log.count(TRACEBACK):
                last = log[log.rindex(TRACEBACK) :][:SHOWN_TEXT].decode(errors="replace")
                found.append(f"{count} tracebacks of {tier}; the last:\n{last}")
            if not self._processes[tier] <= self._alive(tier):
                found.append(f"a process of {tier} died; its log ends:\n{server.log()[-SHOWN_TEXT:]}")
        return found


def run(targets: Targets, seed: int, count: int, progress: bool = True) -> FuzzReport:
    """Send `count` samples to both tiers together; return the report."""
    report, begun, done = FuzzReport(), time.monotonic(), 0
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(DRIVERS, context, signal.signal, (signal.SIGINT, signal.SIG_IGN))
    try:
        chunks = {
            pool.submit(drive, tier, server.port, seed, numbers): len(numbers)
            for numbers in _chunks(count // len(targets.servers))
            for tier, server in targets.servers.items()
        }
        for chunk in as_completed(chunks):
            report += chunk.result()
            done += chunks[chunk]
            if progress:
                _show(done, count, len(report.failures), time.monotonic() - begun)
    finally:
        pool.shutdown(cancel_futures=True)
    return report


def _chunks(count: int) -> list[range]:
    return [range(start, min(start + CHUNK, count)) for start in range(0, count, CHUNK)]


def _show(done: int, count: int, failures: int, seconds: float) -> None:
    filled = BAR * done // count
    bar = "#" * filled + "." * (BAR - filled)
    sys.stderr.write(f"\r[{bar}] {done:,} of {count:,}, {done / seconds:,.0f} a second, {failures} failures ")
    sys.stderr.flush()


def _print_report(report: FuzzReport, problems: list[str], seed: int) -> None:
    for what, count in sorted(report.statuses.items()):
        sys.stdout.write(f"{count:8} {what}\n")
    for failure in report.failures[:SHOWN]:
        it = failure.sample
        again = f"python -m tests.fuzz --seed {seed} --tier {it.tier} --at {it.number}"
        sys.stdout.write(f"\nFAILED: {failure.problem}\n  {it.data!r:.4000}\n  {it.then!r:.4000}\n  {again}\n")
    if len(report.failures) > SHOWN:
        sys.stdout.write(f"\n… and {len(report.failures) - SHOWN} more failures\n")
    for problem in problems:
        sys.stdout.write(f"\nFAILED: {problem}\n")
    if not report.failures and not problems:
        sys.stdout.write("No 500, no traceback, no death, no hang.\n")


def main() -> int:
    """Start both tiers, send the samples and print the report; return 1 if anything failed, else 0."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seed", type=int, help="what decides the samples (by chance)")
    parser.add_argument("--count", type=int, default=100_000, help="samples for both tiers together (100,000)")
    parser.add_argument("--tier", choices=("api", "worker"), default="api", help="the tier of --at (api)")
    parser.add_argument("--at", type=int, metavar="NUMBER", help="send that one sample alone")
    given = parser.parse_args()
    seed = secrets.randbelow(10**9) if given.seed is None else given.seed
    sys.stdout.write(f"seed {seed}\n")
    sys.stdout.flush()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that every server is stopped
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder, Arena(Path(folder)) as arena:
        targets = Targets(arena)
        if given.at is None:
            report = run(targets, seed, given.count)
            sys.stderr.write("\n")
        else:
            sys.stdout.write(f"{sample(given.tier, seed, given.at)}\n")
            report = drive(given.tier, targets.servers[given.tier].port, seed, range(given.at, given.at + 1))
        problems = targets.problems()
    _print_report(report, problems, seed)
    return 1 if report.failures or problems else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
