"""Memory of this service: how much it uses, and its limit.

Anonymous and shared memory counts: the kernel can reclaim the rest before it enforces a limit. If a control group
reports both, they are taken (https://docs.kernel.org/admin-guide/cgroup-v2.html and …/cgroup-v1/memory.html); else this
process and its descendants are added up, and MEMORY_LIMIT_MB has to name the limit.
"""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from render_worker.browser.processes import descendants

MIB = 1024 * 1024
KIB = 1024
CGROUPS = Path("/sys/fs/cgroup")
PROC = Path("/proc")
NO_LIMIT = 1 << 60  # cgroup v1 reports a number of pages near 2^63 if there is none


@dataclass(frozen=True)
class Memory:
    """Used memory and its limit in MiB; `limit` is None if there is none."""

    used: int
    limit: int | None

    @property
    def share(self) -> float:
        """Return the used share of the limit; 0 if there is none."""
        return self.used / self.limit if self.limit else 0.0


def measure(limit_mib: int | None = None) -> Memory:
    """Return the memory used now, against `limit_mib` if given, or else the control groups' limits."""
    if limit_mib is None:
        groups = list(_groups())
        if groups:
            return max(groups, key=lambda group: group.share)  # the fullest is the first to kill a process
    return Memory(_of_processes() // MIB, limit_mib)


def _groups() -> Iterator[Memory]:
    """Yield the memory of this process's control group and of its ancestors, of those with a limit."""
    with contextlib.suppress(OSError):
        for line in (PROC / "self" / "cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers == "":
                yield from _limited(CGROUPS, path, "memory.max", ("anon", "shmem"))
            elif "memory" in controllers.split(","):
                yield from _limited(CGROUPS / "memory", path, "memory.limit_in_bytes", ("total_rss", "total_shmem"))


def _limited(root: Path, path: str, limit_file: str, counted: tuple[str, str]) -> Iterator[Memory]:
    folder = root / path.strip("/")
    while folder.is_relative_to(root):
        with contextlib.suppress(OSError, ValueError):  # "max", or a group that is out of sight in a container
            limit = int((folder / limit_file).read_text())
            if limit < NO_LIMIT:
                yield Memory(_counted(folder / "memory.stat", counted) // MIB, limit // MIB)
        folder = folder.parent


def _counted(stat: Path, names: tuple[str, str]) -> int:
    """Return the sum of these counters in bytes; of this service's processes if the sandbox leaves them out."""
    with contextlib.suppress(OSError, ValueError):
        fields = dict(line.split() for line in stat.read_text().splitlines())
        if any(name in fields for name in names):
            return sum(int(fields.get(name, 0)) for name in names)
    return _of_processes()


def _of_processes() -> int:
    used = 0
    for pid in (os.getpid(), *descendants()):
        with contextlib.suppress(OSError):  # it ended meanwhile
            for line in (PROC / str(pid) / "status").read_text().splitlines():
                name, _, rest = line.partition(":")
                if name in ("RssAnon", "RssShmem"):
                    used += int(rest.split()[0]) * KIB
    return used
