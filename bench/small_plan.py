"""`python -m bench.small_plan`: both tiers with a free plan's resources, beside the same with all cores.

Each tier runs in a control group of its own (512 MB, a tenth of a core). The sandbox, which plays the outside world
without delay, runs outside of them. Needs root, for the control groups. Playwright by itself, which opens a document
without any server, is the lower bound of the first picture.
"""

import argparse
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field

import requests

from bench import machine
from bench.capacity import stub
from bench.cgroup import Cgroup, CgroupError
from bench.table import print_table
from render_worker.browser.browser import COMPILE_CACHE, find_system_browser
from tests.fakes.processes import ROOT, Sandbox, Server, api, clean_environment, sandbox, wait_until, worker

TIMEOUT_SECONDS = 300
PROBE_PAUSE_SECONDS = 0.5
WARM_UP = 2  # pictures through both tiers before the one that is timed
FIRST_PAUSE_SECONDS = 0.1  # until the first answer
ROWS = {
    "worker: /health answers, s after start": "first_health",
    "worker: engine ready, s after start": "ready",
    "worker: picture asked for at the first /health, s after start": "first_picture",
    "Playwright alone: a document is open, s after start": "bare_document",
    "worker: sketch asked for at the first /health, s after start": "first_sketch",
    "worker: next picture, s": "next_picture",
    "both tiers: next picture of the site's, as PNG, s": "both_tiers",
    "worker: sketch, s": "sketch",
    "worker: slowest /health after that, s": "slowest_health",
    "worker: memory at most, MiB": "memory",
    "worker: out-of-memory kills": "oom_kills",
    "worker: end after SIGTERM, s": "stop",
    "API: /health answers, s after start": "api_health",
    "API: picture of a stub worker asked for at the first /health, s after start": "api_picture",
    "API: memory, MiB": "api_memory",
}


@dataclass
class Watch:
    """Requests a server's /health, twice a second once it has answered, and samples its group's memory."""

    server: Server
    group: Cgroup
    begun: float = field(default_factory=time.monotonic)
    first: float | None = None
    ready: float | None = None
    slowest: float = 0.0
    memory: float = 0.0

    def __post_init__(self) -> None:
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._sample)
        self._thread.start()

    def _sample(self) -> None:
        while not self._over.wait(PROBE_PAUSE_SECONDS if self.first else FIRST_PAUSE_SECONDS):
            self.memory = max(self.memory, self.group.memory_mib)
            asked = time.monotonic()
            try:
                health = requests.get(f"{self.server.url}/health", timeout=TIMEOUT_SECONDS).json()
            except requests.ConnectionError:
                continue
            now = time.monotonic()
            if self.first is None:  # its connection has waited in the listener's queue while the process came up
                self.first = now - self.begun
            else:
                self.slowest = max(self.slowest, now - asked)
            if (health.get("ready") or health.get("status") == "healthy") and not self.ready:
                self.ready = now - self.begun

    def end(self) -> None:
        """Stop the probes."""
        self._over.set()
        self._thread.join()


def measure(memory_mib: int, cores: float) -> dict[str, float]:
    """Return the figures of both tiers in groups of that size, by the names in ROWS."""
    with sandbox() as site:
        return {
            **_measure_worker(site, memory_mib, cores),
            "first_sketch": _seconds_to_first(site, "sketch", memory_mib, cores),
            "bare_document": _seconds_of_bare_browser(memory_mib, cores),
            **_measure_api(memory_mib, cores),
        }


def _measure_worker(site: Sandbox, memory_mib: int, cores: float) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder, Cgroup(memory_mib, cores) as group:
        server = worker(**site.pointers("perchance"), LOCAL_STORAGE_DIR=folder, SIMULATED="true")
        watch = _started(server, group)
        try:
            wait_until(lambda: watch.first, "an answer of /health", TIMEOUT_SECONDS)
            _seconds_for_picture(server, "auto")
            first_picture = time.monotonic() - watch.begun
            wait_until(lambda: watch.ready, "a worker that is ready", TIMEOUT_SECONDS)
            figures = {
                "next_picture": _seconds_for_picture(server, "auto"),
                "both_tiers": _seconds_through_both(site, server, memory_mib, cores),
                "sketch": _seconds_for_picture(server, "sketch"),
            }
        finally:
            watch.end()
            stop = server.stop()
        return figures | {
            "first_health": watch.first or 0,
            "ready": watch.ready or 0,
            "first_picture": first_picture,
            "slowest_health": watch.slowest,
            "memory": watch.memory,
            "oom_kills": group.oom_kills,
            "stop": stop,
        }


def _seconds_to_first(site: Sandbox, model: str, memory_mib: int, cores: float) -> float:
    """Return after how many seconds of its life a worker has made a picture asked for at its first /health."""
    with tempfile.TemporaryDirectory() as folder, Cgroup(memory_mib, cores) as group:
        server = worker(**site.pointers("perchance"), LOCAL_STORAGE_DIR=folder, SIMULATED="true")
        watch = _started(server, group)
        try:
            wait_until(lambda: watch.first, "an answer of /health", TIMEOUT_SECONDS)
            _seconds_for_picture(server, model)
            return time.monotonic() - watch.begun
        finally:
            watch.end()
            server.stop()


def _seconds_of_bare_browser(memory_mib: int, cores: float) -> float:
    """Return how long Playwright takes to open a document, with the driver's compiled code kept, as the worker does."""
    command = [sys.executable, "-m", "bench.bare_browser", str(find_system_browser())]
    environment = clean_environment() | {"NODE_COMPILE_CACHE": str(COMPILE_CACHE)}
    with Cgroup(memory_mib, cores) as group:
        begun = time.monotonic()
        with subprocess.Popen(  # noqa: S603 - our own
            command, cwd=ROOT, env=environment, preexec_fn=group.join, stdout=subprocess.PIPE
        ) as process:
            line = process.stdout.readline() if process.stdout else b""
            seconds = time.monotonic() - begun
    if line != b"here\n":
        raise RuntimeError("Playwright opened no document.")
    return seconds


def _seconds_through_both(site: Sandbox, renderer: Server, memory_mib: int, cores: float) -> float:
    """Return the seconds of `GET /generate.png` by an API tier in a group of its own, warm, from a site that is ready.

    The site's pictures are painted beforehand: JPEGs of 768x768 with 40 to 60 KB, as detailed as Perchance's own.
    """
    requests.post(f"{site.url}/sandbox", json={"painted": "beforehand"}, timeout=TIMEOUT_SECONDS).raise_for_status()
    with Cgroup(memory_mib, cores) as group:
        front = api(PERCHANCE_WORKER_URL=renderer.url)
        front.before_start = group.join
        with front:
            return [_seconds_for_png(front) for _ in range(WARM_UP + 1)][-1]


def _seconds_for_png(front: Server) -> float:
    begun = time.monotonic()
    recipe = {"prompt": "a lighthouse at night", "shape": "square"}
    requests.get(f"{front.url}/generate.png", params=recipe, timeout=TIMEOUT_SECONDS).raise_for_status()
    return time.monotonic() - begun


def _measure_api(memory_mib: int, cores: float) -> dict[str, float]:
    with stub(0) as worker, Cgroup(memory_mib, cores) as group:
        server = api(PERCHANCE_WORKER_URL=worker)
        watch = _started(server, group)
        try:
            wait_until(lambda: watch.first, "an answer of /health", TIMEOUT_SECONDS)
            requests.get(f"{server.url}/generate?prompt=a", timeout=TIMEOUT_SECONDS).raise_for_status()
            picture = time.monotonic() - watch.begun
            wait_until(lambda: watch.ready, "an API tier that is loaded", TIMEOUT_SECONDS)
        finally:
            watch.end()
            server.stop()
        return {"api_health": watch.first or 0, "api_picture": picture, "api_memory": watch.memory}


def _started(server: Server, group: Cgroup) -> Watch:
    server.before_start = group.join
    server.start()
    return Watch(server, group)


def _seconds_for_picture(server: Server, model: str) -> float:
    begun = time.monotonic()
    recipe = {"prompt": "a lighthouse at night", "model": model}
    reply = requests.post(f"{server.url}/generate", json=recipe, timeout=TIMEOUT_SECONDS)
    if not reply.ok:
        raise RuntimeError(f"No picture: {reply.text}\n{server.log()}")
    return time.monotonic() - begun


def main() -> int:
    """Measure both, and print them side by side."""
    parser = argparse.ArgumentParser(prog="python -m bench.small_plan", description=__doc__)
    parser.add_argument("--memory", type=int, default=512, help="MiB for each tier (512)")
    parser.add_argument("--cores", type=float, default=0.1, help="processor cores for each tier (0.1)")
    given = parser.parse_args()
    whole = float(machine.cores())
    try:
        columns = [measure(given.memory, cores) for cores in (given.cores, whole)]
    except CgroupError as error:
        print(error, file=sys.stderr)
        return 1
    headings = (f"{given.memory} MiB", f"{given.cores:g} core", f"{whole:g} cores", "ratio")
    print_table(headings, [_row(label, *(column[name] for column in columns)) for label, name in ROWS.items()])
    return 0


def _row(label: str, small: float, large: float) -> list[str]:
    return [label, f"{small:.1f}", f"{large:.1f}", f"{small / large:.1f}" if large else ""]


if __name__ == "__main__":
    sys.exit(main())
