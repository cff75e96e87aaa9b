"""A Linux control group with limits of memory and processor time, as a small hosting plan has them.

Sources: https://docs.kernel.org/admin-guide/cgroup-v1/memory.html, https://docs.kernel.org/scheduler/sched-bwc.html and
https://docs.kernel.org/admin-guide/cgroup-v2.html.
"""

import contextlib
import os
import signal
import time
from pathlib import Path
from typing import Self

ROOT = Path("/sys/fs/cgroup")
MIB = 1024 * 1024
PERIOD_MICROSECONDS = 100_000


class CgroupError(RuntimeError):
    """Raised if no group can be made here; the message says what is needed."""


class Cgroup:
    """One group of processes, of either version of the interface. Leaving it kills the processes that are left."""

    def __init__(self, memory_mib: int, cores: float) -> None:
        name = f"bench-{os.getpid()}-{time.monotonic_ns()}"
        self._unified = (ROOT / "cgroup.controllers").exists()
        try:
            if self._unified:
                self._set_up_v2(name, memory_mib, cores)
            else:
                self._set_up_v1(name, memory_mib, cores)
        except OSError as error:
            raise CgroupError(f"Needs Linux, root, and the memory and cpu controllers of cgroups: {error}") from error
        swap = self._memory / ("memory.swap.max" if self._unified else "memory.memsw.limit_in_bytes")
        with contextlib.suppress(OSError):  # a kernel without swap accounting
            swap.write_text("0" if self._unified else str(memory_mib * MIB))

    def _set_up_v2(self, name: str, memory_mib: int, cores: float) -> None:
        (ROOT / "cgroup.subtree_control").write_text("+memory +cpu")
        self._memory = self._cpu = _new_folder(ROOT / name)
        (self._memory / "memory.max").write_text(str(memory_mib * MIB))
        (self._cpu / "cpu.max").write_text(f"{round(cores * PERIOD_MICROSECONDS)} {PERIOD_MICROSECONDS}")

    def _set_up_v1(self, name: str, memory_mib: int, cores: float) -> None:
        self._memory, self._cpu = _new_folder(ROOT / "memory" / name), _new_folder(ROOT / "cpu" / name)
        (self._memory / "memory.limit_in_bytes").write_text(str(memory_mib * MIB))
        (self._cpu / "cpu.cfs_period_us").write_text(str(PERIOD_MICROSECONDS))
        (self._cpu / "cpu.cfs_quota_us").write_text(str(round(cores * PERIOD_MICROSECONDS)))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for folder in {self._memory, self._cpu}:
            _emptied(folder)

    def join(self) -> None:
        """Put this process, and all that it starts from now on, into the group."""
        for folder in (self._memory, self._cpu):
            (folder / "cgroup.procs").write_text(str(os.getpid()))

    @property
    def processes(self) -> list[int]:
        """Return the ids of the processes in the group."""
        return [int(pid) for pid in (self._cpu / "cgroup.procs").read_text().split()]

    @property
    def memory_mib(self) -> float:
        """Return the memory that counts and cannot be reclaimed: anonymous and shared, in MiB."""
        fields = _fields(self._memory / "memory.stat")
        names = ("anon", "shmem") if self._unified else ("total_rss", "total_shmem")
        return sum(fields.get(name, 0) for name in names) / MIB

    @property
    def oom_kills(self) -> int:
        """Return how many processes the kernel has killed for lack of memory."""
        return _fields(self._memory / ("memory.events" if self._unified else "memory.oom_control")).get("oom_kill", 0)


def _new_folder(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _fields(file: Path) -> dict[str, int]:
    pairs = (line.split() for line in file.read_text().splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2}


def _emptied(folder: Path) -> None:
    for _ in range(50):
        for pid in (folder / "cgroup.procs").read_text().split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        with contextlib.suppress(OSError):
            folder.rmdir()
            return
        time.sleep(0.1)
