"""This process's descendants: Playwright's driver, the browser and its helpers (none are found except on Linux)."""

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from pathlib import Path

from render_worker.serving.bare_environment import bare

PROC = Path("/proc")
NETWORK_SERVICE = b"--utility-sub-type=network."
SUCCESSION_SECONDS, SUCCESSION_POLL_SECONDS = 2.0, 0.05


class Child:
    """A child process: the environment that it is started with, and whether it has ended."""

    def __init__(self, **changes: str) -> None:
        self._changes = changes
        self.transport: asyncio.SubprocessTransport | None = None

    def environment(self, outer: Mapping[str, str]) -> dict[str, str]:
        """Return the child's environment: `outer` without secrets, and the child's own changes."""
        return bare(outer) | self._changes

    @property
    def ended(self) -> bool:
        """Return whether it was started and has ended."""
        return self.transport is not None and self.transport.get_returncode() is not None

    def forget(self) -> None:
        """Close its transport, so that its pipes do not outlive the event loop."""
        if self.transport:
            self.transport.close()


CHILD: ContextVar[Child | None] = ContextVar("child", default=None)
"""Set by a task before it starts a process: the runtime's loop gives that its environment, and it its transport."""


def all_processes() -> Iterator[tuple[int, str, int]]:
    """Yield every process's id, state and parent's id."""
    for folder in PROC.iterdir():
        if folder.name.isdigit():
            try:
                after_name = (folder / "stat").read_text(errors="replace").rpartition(")")[2]
            except OSError:
                continue  # it ended meanwhile
            state, parent = after_name.split()[:2]
            yield int(folder.name), state, int(parent)


def descendants() -> list[int]:
    """Return the ids of all descendants of this process."""
    if sys.platform != "linux":
        return []
    parents = {pid: parent for pid, _, parent in all_processes()}
    return [pid for pid in parents if _is_below_this(pid, parents)]


def kill_descendants() -> None:
    """SIGKILL every descendant: this process starts only the browser and its driver."""
    for pid in descendants():
        with contextlib.suppress(ProcessLookupError):  # it ended meanwhile
            os.kill(pid, signal.SIGKILL)


class NetworkService:
    """The browser's process that holds its connections: if it dies, exactly the requests in flight are lost."""

    def __init__(self) -> None:
        self._pids: list[int] = []
        self._is_expected = sys.platform == "linux"

    async def remember(self) -> None:
        """Remember the current one; after a death wait for its successor, which the browser starts within moments.

        Requests that are sent while there is none are lost silently.
        """
        deadline = time.monotonic() + SUCCESSION_SECONDS
        while not self._pids or self.lost:
            self._pids = [pid for pid in descendants() if _is_network_service(pid)]
            if self._pids or not self._is_expected:
                return
            self._is_expected = time.monotonic() < deadline  # a browser may have none of its own
            await asyncio.sleep(SUCCESSION_POLL_SECONDS)

    @property
    def lost(self) -> bool:
        """Return whether the remembered one has ended; the browser starts another by itself."""
        return not all(_is_network_service(pid) for pid in self._pids)


def _is_network_service(pid: int) -> bool:
    try:
        return NETWORK_SERVICE in (PROC / str(pid) / "cmdline").read_bytes()  # empty if it has ended
    except OSError:
        return False


def _is_below_this(pid: int, parents: dict[int, int]) -> bool:
    while (pid := parents.get(pid, 0)) != os.getpid():
        if not pid:
            return False
    return True
