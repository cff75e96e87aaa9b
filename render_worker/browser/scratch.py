"""Scratch folders for the files of the browser and its driver, so that none outlives them.

A killed browser or driver leaves its profile behind. Each browser has its own folder, locked as long as this process
lives, so that the next worker can tell which belong to dead ones.
"""

import fcntl
import os
import shutil
import tempfile
from pathlib import Path

PREFIX = "render-worker-browser-"
UNLOCKED_PREFIX = "render-worker-new-"  # ignored by `sweep`


class Scratch:
    """A locked folder for one browser."""

    def __init__(self) -> None:
        folder = Path(tempfile.mkdtemp(prefix=UNLOCKED_PREFIX))
        self._lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        # Locked before it has the name that `sweep` looks for.
        self.folder = folder.rename(folder.with_name(folder.name.replace(UNLOCKED_PREFIX, PREFIX)))

    def remove(self) -> None:
        """Remove the folder with its content, and unlock it."""
        shutil.rmtree(self.folder, ignore_errors=True)
        os.close(self._lock)


def sweep() -> None:
    """Remove the folders of dead workers."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        try:
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        except OSError:
            continue  # another user's, or removed meanwhile
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pass  # its worker is alive
        else:
            shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(lock)
