"""Processor time of each kind of process in control groups, sampled while they run."""

import contextlib
import threading
import time
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from bench.cgroup import Cgroup

SAMPLE_SECONDS = 0.05
PROC = Path("/proc")
MASTER, SERVER = "gunicorn's master", "gunicorn's worker"
DRIVER, BROWSER, PAGES = "Playwright's driver", "Chromium: main process", "Chromium: pages, network, GPU"


class ProcessorTime:
    """Samples what each kind of process of each group has used."""

    def __init__(self, groups: Mapping[str, tuple[Cgroup, int]]) -> None:
        """`groups` maps a name to a group and the id of its first process."""
        self._groups = groups
        self.begun = time.monotonic()
        self.samples: list[tuple[float, dict[tuple[str, str], float]]] = []
        """Seconds since the start, and processor seconds used by then, by group and kind."""
        self._used: dict[tuple[str, str, int, int], float] = {}
        self._kinds: dict[int, str] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._sample_all)
        self._thread.start()

    def end(self) -> None:
        """Stop sampling."""
        self._over.set()
        self._thread.join()

    def until(self, seconds: float) -> dict[tuple[str, str], float]:
        """Return the processor seconds used by a moment, by group and kind."""
        return next((used for at, used in reversed(self.samples) if at <= seconds), {})

    def _sample_all(self) -> None:
        while not self._over.wait(SAMPLE_SECONDS):
            for name, (group, first) in self._groups.items():
                for process in group.processes:
                    self._sample(name, process, first)
            totals: dict[tuple[str, str], float] = defaultdict(float)
            for (name, kind, _, _), seconds in self._used.items():
                totals[name, kind] += seconds
            self.samples.append((time.monotonic() - self.begun, dict(totals)))

    def _sample(self, name: str, process: int, first: int) -> None:
        with contextlib.suppress(OSError):  # it has ended
            command = (PROC / str(process) / "cmdline").read_bytes()
            kind = _kind(command, is_first=process == first)
            for task in (PROC / str(process) / "task").iterdir():
                nanoseconds = int((task / "schedstat").read_text().split()[0])
                self._used[name, kind, process, int(task.name)] = nanoseconds / 1e9


def _kind(command: bytes, *, is_first: bool) -> str:
    if b"gunicorn" in command:
        return MASTER if is_first else SERVER
    if b"run-driver" in command:
        return DRIVER
    return PAGES if b"--type=" in command else BROWSER
