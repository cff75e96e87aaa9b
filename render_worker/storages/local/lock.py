"""An advisory lock between processes, held by an open file or folder."""

import errno
import fcntl
import time

PAUSE_SECONDS = 0.01
BUSY = (errno.EAGAIN, errno.EACCES)  # another process has the lock; any other error: this file system has no locks


def lock(handle: int, deadline: float) -> None:
    """Wait for the lock until `deadline` on the monotonic clock, because its holder may have been halted.

    Raises OSError if it is not free by then. Returns without a lock if the file system has none.
    """
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in BUSY:
                return
            if time.monotonic() > deadline:
                raise
            time.sleep(PAUSE_SECONDS)
        else:
            return
