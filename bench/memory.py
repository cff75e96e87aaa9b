"""`python -m bench.memory`: 2,000 pictures for eight clients by a render worker in 512 MiB.

Only the worker (gunicorn, Playwright's driver, the browser) is in the control group; the site is the sandbox without
delay. Needs root, for the control group.
"""

import argparse
import statistics
import sys
import tempfile
import threading

import requests

from bench import machine
from bench.cgroup import Cgroup, CgroupError
from bench.load import Load, drive
from bench.table import print_table
from tests.fakes.processes import Server, sandbox, wait_until, worker

CLIENTS = 8
LIMIT_MIB = 512
EARLY, LATE = 0.25, 1.0
SAMPLE_SECONDS = 0.2


class Watch:
    """The group's memory in MiB, sampled five times a second, each with the number of pictures made by then."""

    def __init__(self, group: Cgroup) -> None:
        self._group = group
        self._over = threading.Event()
        self.done = 0
        self.seen: list[tuple[int, float]] = []
        self._thread = threading.Thread(target=self._sample)
        self._thread.start()

    def _sample(self) -> None:
        while not self._over.wait(SAMPLE_SECONDS):
            self.seen.append((self.done, self._group.memory_mib))

    def note(self, done: int) -> None:
        """Note how many pictures are made."""
        self.done = done
        if done % 100 == 0:
            print(f"{done} pictures, {self._group.memory_mib:.0f} MiB", file=sys.stderr, flush=True)

    def end(self) -> None:
        """Stop sampling."""
        self._over.set()
        self._thread.join()

    def around(self, picture: int, width: int) -> float:
        """Return the median in MiB while the `width` pictures before this one were made."""
        return statistics.median(mib for done, mib in self.seen if picture - width <= done <= picture)


def measure(images: int, route: str, group: Cgroup) -> tuple[Load, Watch, int]:
    """Have the pictures made; return their load, the watch, and how many browsers were launched."""
    with sandbox() as site, tempfile.TemporaryDirectory() as folder:
        requests.post(f"{site.url}/sandbox", json={"painted": "beforehand"}, timeout=5).raise_for_status()
        server = worker(PERCHANCE_ROUTES=route, **site.pointers("perchance"), LOCAL_STORAGE_DIR=folder)
        server.before_start = group.join
        with server:
            health = f"{server.url}/health"
            wait_until(lambda: requests.get(health, timeout=10).json()["ready"], "the worker's readiness")
            load, watch = _make(images, server, group)
            details = requests.get(health, timeout=10).json()["engines"]["perchance"]["details"]
    return load, watch, int(details["browser_launches"])


def _make(images: int, server: Server, group: Cgroup) -> tuple[Load, Watch]:
    def ask() -> None:
        reply = requests.post(f"{server.url}/generate", json={"prompt": "a lighthouse"}, timeout=120)
        reply.raise_for_status()

    watch = Watch(group)
    try:
        return drive(ask, images, CLIENTS, watch.note), watch
    finally:
        watch.end()


def _row(images: int, route: str) -> list[str]:
    with Cgroup(LIMIT_MIB, machine.cores()) as group:
        load, watch, launches = measure(images, route, group)
        kills = group.oom_kills
    peak = max(mib for _, mib in watch.seen)
    early, late = (watch.around(round(images * share), images // 10) for share in (EARLY, LATE))
    return [route, f"{load.a_second:.1f}", f"{peak:.0f}", f"{early:.0f}", f"{late:.0f}", str(kills), str(launches)]


def main() -> int:
    """Measure both routes and print them side by side."""
    parser = argparse.ArgumentParser(prog="python -m bench.memory", description=__doc__)
    parser.add_argument("--images", type=int, default=2000, help="pictures by each route (2000)")
    images = parser.parse_args().images
    try:
        rows = [_row(images, route) for route in ("page", "package")]
    except CgroupError as error:
        print(error, file=sys.stderr)
        return 1
    columns = ("a second", "MiB at most", "at a quarter", "at the end", "out-of-memory kills", "browsers launched")
    print_table([f"{images} pictures in {LIMIT_MIB} MiB", *columns], rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
