"""What the database's errors mean, and the log's lines about them."""

import logging
import re
import sqlite3
import time

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, ProgrammingError

from image_api.jobs.errors import DatabaseLocked, DatabaseUnavailable, TablesMissing

LEAST_PASSWORD = 4  # letters: to replace a shorter one would garble each word, and tell it by that
LOG_SECONDS = 60  # in which one reason is logged once
# A table as another version of this service has it, or another role's: no statement of this one's would succeed.
OF_DATABASE = ("InsufficientPrivilege", "InvalidSchemaName", "UndefinedColumn")
OF_SQLITE_FILE = re.compile("no such (column|index)|has no column named")
QUIET_SECONDS = 5.0  # without a failure, after which it is taken for recovered: of a full disk some writes succeed

log = logging.getLogger(__name__)


def meaning_of(error: DBAPIError) -> DatabaseUnavailable | None:
    """Return what a driver's error means for the database as a whole; None if one statement alone is at fault."""
    name, text = type(error.orig).__name__, str(error.orig)
    if name == "UndefinedTable" or text.startswith("no such table"):
        return TablesMissing()
    if name in OF_DATABASE or (isinstance(error.orig, sqlite3.Error) and OF_SQLITE_FILE.search(text)):
        return DatabaseUnavailable()
    if isinstance(error, DataError | IntegrityError | ProgrammingError) or _is_of_statement(error.orig):
        return None
    # A reason of SQLite's like "database is locked" or "database schema is locked", and PostgreSQL's lock_timeout.
    is_locked = name == "LockNotAvailable" or (isinstance(error.orig, sqlite3.Error) and "is locked" in text)
    return DatabaseLocked() if is_locked else DatabaseUnavailable()


def _is_of_statement(error: BaseException | None) -> bool:
    """Return whether SQLite says that a statement is wrong, which it calls an operational error."""
    return isinstance(error, sqlite3.Error) and error.sqlite_errorcode == sqlite3.SQLITE_ERROR


class FailureLog:
    """Logs why the database cannot be used, without its password: each reason once a minute. Thread-safe."""

    def __init__(self, password: str | None, use: str = "used") -> None:
        """Take the password that no line may have, and what the database cannot be, such as "written"."""
        self._password = password
        self._use = use
        self._reason: str | None = None
        self._logged_at = self._failed_at = 0.0

    def report(self, error: BaseException | None) -> None:
        """Log a driver's error, unless it is the last one again."""
        text = f"{type(error).__name__}: {' '.join(str(error).split())}"
        if self._password and len(self._password) >= LEAST_PASSWORD:
            text = text.replace(self._password, "***")
        self._failed_at = time.monotonic()
        if text != self._reason or self._failed_at - self._logged_at > LOG_SECONDS:
            self._reason, self._logged_at = text, self._failed_at
            log.warning("the jobs' database cannot be %s: %s", self._use, text)

    def recovered(self) -> None:
        """Log that the database can be used again, if it could not, and has not failed for some seconds."""
        if self._reason is not None and time.monotonic() - self._failed_at > QUIET_SECONDS:
            self._reason = None
            log.info("the jobs' database can be %s again", self._use)
