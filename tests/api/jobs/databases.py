"""The databases that a test opens by itself, beside those of its services: they are closed at its end."""

from collections.abc import Callable

from image_api.jobs.database.database import Database

CLOSE_SECONDS = 5.0

_opened: list[Database] = []


def open_database(url: str, prepare: Callable[[], object] = lambda: None) -> Database:
    """Return a database that `close_databases` closes."""
    _opened.append(Database(url, prepare))
    return _opened[-1]


def close_databases() -> None:
    """Close what was opened since the last call."""
    while _opened:
        _opened.pop().close(CLOSE_SECONDS)
