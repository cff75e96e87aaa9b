"""Folders for what the browser and its driver write, so that nothing of it outlives them.

A browser or driver that is killed leaves its profile behind. Each browser has a folder of its own, locked as long as
this process lives, so that the next worker can tell which are left from a dead one.
"""

import fcntl
import os
import shutil
import tempfile
from pathlib import Path

PREFIX = "render-worker-browser-"
UNLOCKED_PREFIX = "render-worker-new-"  # no sweep looks at it


class Scratch:
    """A folder for one browser."""

    def __init__(self) -> None:
        made = Path(tempfile.mkdtemp(prefix=UNLOCKED_PREFIX))
        self._lock = os.open(made, os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        # Under the name that is swept it is locked from its first moment.
        self.folder = made.rename(made.with_name(made.name.replace(UNLOCKED_PREFIX, PREFIX)))

    def remove(self) -> None:
        """Remove it with everything in it."""
        shutil.rmtree(self.folder, ignore_errors=True)
        os.close(self._lock)


def sweep() -> None:
    """Remove the folders of workers that are no more."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        try:
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        except OSError:
            continue  # somebody else's, or removed meanwhile
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pass  # its worker lives
        else:
            shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(lock)
