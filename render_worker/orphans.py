"""Ending the zombies that a killed browser or driver leaves.

When Playwright's driver is killed, the browser's processes lose their parent. Process 1 would have to reap them, which
in many containers it does not. So this process adopts its orphaned descendants (Linux) and reaps them itself.
"""

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36  # of prctl(2)
LOOK_SECONDS = 2.0
PROC = Path("/proc")


def adopt() -> None:
    """Become the parent of descendants that lose theirs."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


async def reap_for_ever() -> None:
    """Reap zombies that nobody else has reaped for a while: asyncio reaps the children that it started itself."""
    seen: set[int] = set()
    while sys.platform == "linux":
        found = _zombies()
        for pid in found & seen:
            _reap(pid)
        seen = found
        await asyncio.sleep(LOOK_SECONDS)


def reap_all(seconds: float) -> None:
    """Wait for every child to end, for some seconds at most: the last thing before this process ends itself."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            ended, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return  # none is left
        if not ended:
            time.sleep(0.02)


def kill_descendants() -> None:
    """SIGKILL everything below this process: the browser and its driver are all that it ever starts (Linux)."""
    for pid in descendants():
        with contextlib.suppress(ProcessLookupError):  # it ended meanwhile
            os.kill(pid, signal.SIGKILL)


def descendants() -> list[int]:
    """The ids of all processes below this one (Linux)."""
    if sys.platform != "linux":
        return []
    parents = {pid: parent for pid, _, parent in _processes()}
    return [pid for pid in parents if _is_below_this(pid, parents)]


def _is_below_this(pid: int, parents: dict[int, int]) -> bool:
    while (pid := parents.get(pid, 0)) != os.getpid():
        if not pid:
            return False
    return True


def _zombies() -> set[int]:
    """This process's children that have ended."""
    return {pid for pid, state, parent in _processes() if state == "Z" and parent == os.getpid()}


def _processes() -> Iterator[tuple[int, str, int]]:
    """Every process's id, state and parent's id."""
    for folder in PROC.iterdir():
        if folder.name.isdigit():
            try:
                after_name = (folder / "stat").read_text(errors="replace").rpartition(")")[2]
            except OSError:
                continue  # it ended meanwhile
            state, parent = after_name.split()[:2]
            yield int(folder.name), state, int(parent)


def _reap(pid: int) -> None:
    with contextlib.suppress(ChildProcessError):  # somebody else was quicker
        os.waitpid(pid, os.WNOHANG)
