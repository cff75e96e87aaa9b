"""A lock that processes share, held by an open file."""

import errno
import fcntl
import time

PAUSE_SECONDS = 0.01
BUSY = (errno.EAGAIN, errno.EACCES)  # another has the lock; any other error: this file system knows no locks


def lock(handle: int, end: float) -> None:
    """Wait for the lock until `end` of the monotonic clock: its holder may have been halted.

    Raises OSError if it is not free by then. A file system without locks goes without.
    """
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in BUSY:
                return
            if time.monotonic() > end:
                raise
            time.sleep(PAUSE_SECONDS)
        else:
            return
