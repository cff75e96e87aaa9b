"""Ending the zombies that a killed browser or driver leaves.

When Playwright's driver is killed, the browser's processes lose their parent. Process 1 would have to reap them, which
in many containers it does not. So this process adopts its orphaned descendants (Linux) and reaps them itself.
"""

import asyncio
import ctypes
import os
import sys
import time
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


def _zombies() -> set[int]:
    """This process's children that have ended."""
    own = str(os.getpid())
    found = set()
    for folder in PROC.iterdir():
        if folder.name.isdigit():
            state, parent = _state_and_parent(folder)
            if state == "Z" and parent == own:
                found.add(int(folder.name))
    return found


def _state_and_parent(folder: Path) -> tuple[str, str]:
    try:
        after_name = (folder / "stat").read_text(errors="replace").rpartition(")")[2]
    except OSError:
        return "", ""  # it ended meanwhile
    state, parent = after_name.split()[:2]
    return state, parent


def _reap(pid: int) -> None:
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return  # somebody else was quicker
