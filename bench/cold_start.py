"""`python -m bench.cold_start`: what runs when after both tiers start, each with a free plan's resources.

Both are started at once, and a picture is asked for at the API tier's first /health. It prints what each kind of
process has used by then, and writes docs/cold-start.svg. The sandbox runs outside of the groups, for which it needs
root.
"""

import argparse
import math
import sys
import tempfile
import threading
import time
from pathlib import Path

import requests

from bench.cgroup import Cgroup, CgroupError
from bench.processor_time import ProcessorTime
from bench.table import print_table
from bench.waterfall import waterfall
from tests.fakes.processes import ROOT, Sandbox, Server, api, sandbox, worker

PICTURE_FILE = ROOT / "docs" / "cold-start.svg"
TIMEOUT_SECONDS = 300
FIRST_PAUSE_SECONDS, PAUSE_SECONDS = 0.05, 0.5  # a /health takes 2 ms, a fiftieth of what is allowed in a second
LEAST_SECONDS = 12
PICTURE = {"prompt": "a lighthouse at night"}


class Moments:
    """Seconds since the start at which something was first seen."""

    def __init__(self) -> None:
        self.seen: dict[str, float] = {}
        self._begun = time.monotonic()

    def note(self, what: str) -> None:
        """Note that it is seen now."""
        self.seen[what] = time.monotonic() - self._begun

    def watch(self, server: Server, tier: str) -> None:
        """Note the first response of a tier's /health and, of the worker's, when it is ready."""
        while f"{tier}: /health" not in self.seen or (tier == "worker" and "worker: ready" not in self.seen):
            time.sleep(PAUSE_SECONDS if f"{tier}: /health" in self.seen else FIRST_PAUSE_SECONDS)
            try:
                health = requests.get(f"{server.url}/health", timeout=TIMEOUT_SECONDS).json()
            except requests.ConnectionError:
                continue
            if f"{tier}: /health" not in self.seen:
                self.note(f"{tier}: /health")
            if tier == "worker" and health.get("ready"):
                self.note("worker: ready")


def measure(memory_mib: int, cores: float) -> tuple[ProcessorTime, Moments]:
    """Start both tiers in groups of that size; return what they used, and the moments, until the second picture."""
    with (
        sandbox() as site,
        tempfile.TemporaryDirectory() as folder,
        Cgroup(memory_mib, cores) as of_worker,
        Cgroup(memory_mib, cores) as of_api,
    ):
        return _measure_in(site, folder, of_worker, of_api)


def _measure_in(site: Sandbox, folder: str, of_worker: Cgroup, of_api: Cgroup) -> tuple[ProcessorTime, Moments]:
    back = worker(**site.pointers("perchance"), LOCAL_STORAGE_DIR=folder, SIMULATED="true")
    back.before_start = of_worker.join
    back.start()
    front = api(PERCHANCE_WORKER_URL=back.url)
    front.before_start = of_api.join
    moments = Moments()
    front.start()
    used = ProcessorTime({"worker": (of_worker, back.process.pid), "API": (of_api, front.process.pid)})
    watches = [
        threading.Thread(target=moments.watch, args=it, daemon=True) for it in ((front, "API"), (back, "worker"))
    ]
    try:
        for watch in watches:
            watch.start()
        watches[0].join()
        for name in ("first picture", "next picture"):
            requests.get(f"{front.url}/generate", params=PICTURE, timeout=TIMEOUT_SECONDS).raise_for_status()
            moments.note(name)
        return used, moments
    finally:
        used.end()
        front.stop()
        back.stop()


def main() -> int:
    """Measure, print and write the picture."""
    parser = argparse.ArgumentParser(prog="python -m bench.cold_start", description=__doc__)
    parser.add_argument("--memory", type=int, default=512, help="MiB for each tier (512)")
    parser.add_argument("--cores", type=float, default=0.1, help="processor cores for each tier (0.1)")
    parser.add_argument("--seconds", type=float, help="that the drawing shows (until the first picture, at least 12)")
    parser.add_argument("--svg", type=Path, default=PICTURE_FILE, help=f"where it is written ({PICTURE_FILE})")
    given = parser.parse_args()
    try:
        used, moments = measure(given.memory, given.cores)
    except CgroupError as error:
        print(error, file=sys.stderr)
        return 1
    seconds = given.seconds or max(LEAST_SECONDS, math.ceil(moments.seen["first picture"]) + 1)
    given.svg.write_text(waterfall(used.samples, moments.seen, given.cores, seconds), encoding="utf-8")
    names = sorted(moments.seen, key=moments.seen.__getitem__)
    totals = {name: used.until(moments.seen[name]) for name in names}
    rows = sorted({row for total in totals.values() for row in total})
    headings = ("ms of processor time until", *(f"{name}, {moments.seen[name]:.1f} s" for name in names))
    print_table(
        headings, [[" ".join(row), *(f"{1000 * totals[name].get(row, 0):.0f}" for name in names)] for row in rows]
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
