"""`python -m bench.memory`: the render worker in 512 MiB makes 2,000 pictures for eight callers.

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
from tests.fakes.processes import sandbox, wait_until, worker

CALLERS = 8
LIMIT_MIB = 512
EARLY, LATE = 0.25, 1.0
LOOK_SECONDS = 0.2


class Watch:
    """The group's memory in MiB, looked at five times a second, by how many pictures were made by then."""

    def __init__(self, group: Cgroup) -> None:
        self._group = group
        self._over = threading.Event()
        self.done = 0
        self.seen: list[tuple[int, float]] = []
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._over.wait(LOOK_SECONDS):
            self.seen.append((self.done, self._group.memory_mib))

    def heard(self, done: int) -> None:
        """So many pictures are made."""
        self.done = done
        if done % 100 == 0:
            print(f"{done} pictures, {self._group.memory_mib:.0f} MiB", file=sys.stderr, flush=True)

    def end(self) -> None:
        """Stop looking."""
        self._over.set()
        self._thread.join()

    def around(self, picture: int, width: int) -> float:
        """The median while the pictures around that one were made."""
        return statistics.median(mib for done, mib in self.seen if picture - width <= done <= picture)


def measure(images: int, route: str, group: Cgroup) -> tuple[Load, Watch, int]:
    """Have the pictures made; also how many browsers were launched."""
    with sandbox() as site, tempfile.TemporaryDirectory() as folder:
        requests.post(f"{site.url}/sandbox", json={"painted": "beforehand"}, timeout=5).raise_for_status()
        server = worker(
            PERCHANCE_ROUTES=route,
            PERCHANCE_BASE_URL=f"{site.url}/api",
            PERCHANCE_PAGE_URL=f"{site.url}/perchance-ai-api",
            PERCHANCE_UPLOAD_ORIGINS=site.upload_origin,
            LOCAL_STORAGE_DIR=folder,
        )
        server.before_start = group.join
        with server:
            health = f"{server.url}/health"
            wait_until(lambda: requests.get(health, timeout=10).json()["ready"], "the worker's readiness")
            watch = Watch(group)

            def ask() -> None:
                reply = requests.post(f"{server.url}/generate", json={"prompt": "a lighthouse"}, timeout=120)
                reply.raise_for_status()

            try:
                load = drive(ask, images, CALLERS, watch.heard)
            finally:
                watch.end()
            details = requests.get(health, timeout=10).json()["engines"]["perchance"]["details"]
    return load, watch, int(details["browser_launches"])


def main() -> int:
    """Measure both routes and print them side by side."""
    parser = argparse.ArgumentParser(prog="python -m bench.memory", description=__doc__)
    parser.add_argument("--images", type=int, default=2000, help="pictures by each route (2000)")
    given = parser.parse_args()
    width = given.images // 10
    rows = []
    for route in ("page", "package"):
        try:
            with Cgroup(LIMIT_MIB, machine.cores()) as group:
                load, watch, launches = measure(given.images, route, group)
                kills = group.oom_kills
        except CgroupError as error:
            print(error, file=sys.stderr)
            return 1
        peak = max(mib for _, mib in watch.seen)
        early, late = (watch.around(round(given.images * share), width) for share in (EARLY, LATE))
        cells = [route, f"{load.a_second:.1f}", f"{peak:.0f}", f"{early:.0f}", f"{late:.0f}", str(kills), str(launches)]
        rows.append(f"| {' | '.join(cells)} |")
    print(f"\n{machine.line()}\n")
    print(f"| {given.images} pictures in {LIMIT_MIB} MiB | a second | MiB at most | at a quarter | at the end ", end="")
    print("| out-of-memory kills | browsers launched |\n|---|---|---|---|---|---|---|")
    print("\n".join(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
