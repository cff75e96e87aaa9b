"""The processes below this one: Playwright's driver, the browser and its helpers (Linux; elsewhere none are found)."""

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from pathlib import Path

from render_worker.browser.bare_environment import bare

PROC = Path("/proc")
NETWORK_SERVICE = b"--utility-sub-type=network."
SUCCESSION_SECONDS, SUCCESSION_LOOK_SECONDS = 2.0, 0.05


class Child:
    """A process that is about to be started: what it finds in its environment, and then whether it has ended."""

    def __init__(self, **changes: str) -> None:
        self._changes = changes
        self.transport: asyncio.SubprocessTransport | None = None

    def environment(self, outer: Mapping[str, str]) -> dict[str, str]:
        """What it finds of an environment: no secret, whatever its name is."""
        return bare(outer) | self._changes

    @property
    def ended(self) -> bool:
        """Whether it was started and is no more."""
        return self.transport is not None and self.transport.get_returncode() is not None

    def forget(self) -> None:
        """Close what is left of the way to it, lest its pipes outlive the event loop."""
        if self.transport:
            self.transport.close()


CHILD: ContextVar[Child | None] = ContextVar("child", default=None)
"""The next process that this task starts, where somebody wants to know."""


def all_processes() -> Iterator[tuple[int, str, int]]:
    """Every process's id, state and parent's id."""
    for folder in PROC.iterdir():
        if folder.name.isdigit():
            try:
                after_name = (folder / "stat").read_text(errors="replace").rpartition(")")[2]
            except OSError:
                continue  # it ended meanwhile
            state, parent = after_name.split()[:2]
            yield int(folder.name), state, int(parent)


def descendants() -> list[int]:
    """The ids of all processes below this one."""
    if sys.platform != "linux":
        return []
    parents = {pid: parent for pid, _, parent in all_processes()}
    return [pid for pid in parents if _is_below_this(pid, parents)]


def kill_descendants() -> None:
    """SIGKILL everything below this process: the browser and its driver are all that it ever starts."""
    for pid in descendants():
        with contextlib.suppress(ProcessLookupError):  # it ended meanwhile
            os.kill(pid, signal.SIGKILL)


class NetworkService:
    """The browser's process that holds its connections. With it every request under way is lost, and nothing else."""

    def __init__(self) -> None:
        self._pids: list[int] = []
        self._is_expected = sys.platform == "linux"

    async def remember(self) -> None:
        """Remember the one that is there now; after a death the next one, which the browser starts within moments.

        What is sent while there is none gets lost without a word.
        """
        end = time.monotonic() + SUCCESSION_SECONDS
        while not self._pids or self.lost:
            self._pids = [pid for pid in descendants() if _is_network_service(pid)]
            if self._pids or not self._is_expected:
                return
            self._is_expected = time.monotonic() < end  # a browser may have none of its own
            await asyncio.sleep(SUCCESSION_LOOK_SECONDS)

    @property
    def lost(self) -> bool:
        """Whether the one that was remembered has ended; the browser starts another by itself."""
        return not all(_is_network_service(pid) for pid in self._pids)


def _is_network_service(pid: int) -> bool:
    try:
        return NETWORK_SERVICE in (PROC / str(pid) / "cmdline").read_bytes()  # empty where it has ended
    except OSError:
        return False


def _is_below_this(pid: int, parents: dict[int, int]) -> bool:
    while (pid := parents.get(pid, 0)) != os.getpid():
        if not pid:
            return False
    return True
