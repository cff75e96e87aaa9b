"""Processes of an unprivileged user, also if root runs the tests: as `preexec_fn`, or `before_start` of a Server.

Chromium has no sandbox for root, and root reads every process. So if root runs the tests, a process moves into a user
namespace as another user without any capability; if even root may create none, it becomes user 65534.
"""

import ctypes
import os
import subprocess
import sys
from pathlib import Path

CLONE_NEWUSER = 0x10000000
INNER_ID, NOBODY = 1000, 65534
LIBC = ctypes.CDLL(None, use_errno=True)
MAKES_A_NAMESPACE = f"import ctypes, sys; sys.exit(ctypes.CDLL(None).unshare({CLONE_NEWUSER}) != 0)"


def unprivileged() -> None:
    """Drop root's rights, if this process has them."""
    if os.geteuid() == 0:
        _move(namespaces=None)


def without_user_namespaces() -> None:
    """Become an unprivileged user of a host that grants no user namespaces, as in many containers."""
    _move(namespaces=0)


def _move(namespaces: int | None) -> None:
    user, group = os.geteuid(), os.getegid()
    if LIBC.unshare(CLONE_NEWUSER):  # this host grants none already
        if user == 0:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
        return
    if namespaces is not None:
        Path("/proc/sys/user/max_user_namespaces").write_text(str(namespaces))
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{INNER_ID} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{INNER_ID} {group} 1")


def user_namespaces_are_granted() -> bool:
    """Return whether this host grants user namespaces to an unprivileged user."""
    probe = [sys.executable, "-c", MAKES_A_NAMESPACE]
    return subprocess.run(probe, preexec_fn=unprivileged).returncode == 0
