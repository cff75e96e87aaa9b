"""Keeping this process's environment and memory from other processes of the same user: they hold every secret."""

import ctypes
import sys

PR_SET_DUMPABLE = 4  # of prctl(2)


def become_undumpable() -> None:
    """Make /proc/<pid>/environ, …/mem and ptrace of this process and its forks root's alone; exec ends that (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
