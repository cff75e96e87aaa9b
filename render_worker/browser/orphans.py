"""Reaping the zombies that a killed browser or driver leaves.

When Playwright's driver is killed, the browser's processes are orphaned. Process 1 should reap them, and in many
containers does not. So this process becomes their subreaper (Linux).
"""

import asyncio
import contextlib
import ctypes
import logging
import os
import sys
import time

from render_worker.browser.processes import all_processes

PR_SET_CHILD_SUBREAPER = 36  # of prctl(2)
LOOK_SECONDS = 2.0

log = logging.getLogger(__name__)


def become_subreaper() -> None:
    """Become the parent of orphaned descendants."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


async def reap_for_ever() -> None:
    """Reap zombies that stay for LOOK_SECONDS: asyncio reaps the children that it started itself."""
    seen: set[int] = set()
    while sys.platform == "linux":
        try:
            seen = _reap_persistent(seen)
        except Exception as error:  # noqa: BLE001 - one failure, as without a free file descriptor, must not end the loop
            log.warning("reaping of zombie processes failed: %s", error)
        await asyncio.sleep(LOOK_SECONDS)


def _reap_persistent(seen: set[int]) -> set[int]:
    found = _zombies()
    for pid in found & seen:
        _reap(pid)
    return found


def reap_all(seconds: float) -> None:
    """Wait for every child to end and reap it, for `seconds` at most: the last step before this process exits."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            ended, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return  # none is left
        if not ended:
            time.sleep(0.02)


def _zombies() -> set[int]:
    """Return the ids of this process's children that have ended."""
    try:
        if os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            return set()  # as nearly always: /proc need not be read, of which each process takes 0.1 ms
    except ChildProcessError:
        return set()
    return {pid for pid, state, parent in all_processes() if state == "Z" and parent == os.getpid()}


def _reap(pid: int) -> None:
    with contextlib.suppress(ChildProcessError):  # asyncio has reaped it meanwhile
        os.waitpid(pid, os.WNOHANG)
