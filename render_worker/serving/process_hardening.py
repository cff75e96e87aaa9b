"""Process hardening: no other process of the same user reads this one's environment and memory, which hold secrets."""

import ctypes
import sys

PR_SET_DUMPABLE = 4  # of prctl(2)


def become_undumpable() -> None:
    """Make /proc/<pid>/environ, …/mem and ptrace of this process and its forks root's alone, until exec (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
