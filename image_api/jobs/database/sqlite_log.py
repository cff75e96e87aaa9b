"""SQLite's write-ahead log, which grows for as long as one reader after the other keeps it from beginning anew."""

import sqlite3
from contextlib import suppress
from pathlib import Path

CUT_BYTES = 32 * 1024 * 1024


class LogFile:
    """The write-ahead log of a file."""

    def __init__(self, file: Path) -> None:
        self._log = file.with_name(file.name + "-wal")
        self._cut_at = CUT_BYTES

    def cut(self, connection: sqlite3.Connection) -> None:
        """Move a log that became large into the file, and make it empty, which waits for the readers of this moment.

        One that another process has read from for long is left, until it has grown by as much again.
        """
        with suppress(OSError, sqlite3.Error):
            size = self._log.stat().st_size
            if size < self._cut_at:
                return
            is_busy = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            self._cut_at = CUT_BYTES + (size if is_busy else 0)
