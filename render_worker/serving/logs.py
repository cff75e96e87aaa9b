"""Log lines of bounded length and number, whatever clients send.

A value from outside could fill the disk, forge a line of its own or hide others by their number. So each value is cut
and its control characters are escaped, each line and traceback has a greatest length, and equal warnings, which are
those of one place in the code, have a greatest rate, with a count of those that were left out.
"""

import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gunicorn.glogging import Logger

MAX_VALUE = 200
MAX_LINE = 2_000  # of what is no single value: a sentence that was put together before, a line of a traceback
MAX_TRACEBACK = 16_000
BURST = 20
WINDOW_SECONDS = 10.0
FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"


def shortened(text: str, most: int = MAX_VALUE) -> str:
    """Return a text as one printable line of at most `most` characters, the last an ellipsis if it was cut."""
    text = text if len(text) <= most else text[: most - 1] + "…"
    if not text.isprintable():
        text = "".join(it if it.isprintable() else it.encode("unicode_escape").decode() for it in text)
    return text if len(text) <= most else text[: most - 1] + "…"


def _bounded(value: Any) -> Any:
    """Return a log call's argument so that it cannot become more than MAX_VALUE characters; numbers as they are."""
    return value if isinstance(value, int | float | None) else shortened(str(value))


class BoundedFormatter(logging.Formatter):
    """Formats records whose values, lines and tracebacks are cut."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as a line, and below it the traceback."""
        copy = logging.makeLogRecord(record.__dict__)  # other handlers' record stays as it is
        if isinstance(copy.args, Mapping):
            copy.args = {name: _bounded(value) for name, value in copy.args.items()}
        elif copy.args:
            copy.args = tuple(_bounded(value) for value in copy.args)
        copy.msg, copy.args, copy.exc_text = shortened(copy.getMessage(), MAX_LINE), None, None
        return super().format(copy)

    def formatException(self, ei: Any) -> str:  # noqa: N802 - logging's name
        """Return the traceback with each line cut, and its end if it is too long as a whole."""
        lines = [shortened(line, MAX_LINE) for line in super().formatException(ei).splitlines()]
        return "\n".join(lines)[-MAX_TRACEBACK:]


@dataclass
class _Window:
    """The warnings of one place in the code within WINDOW_SECONDS."""

    begun: float
    passed: int = 0
    left_out: int = 0


class RateLimit(logging.Filter):
    """Lets BURST records of each place in the code pass within WINDOW_SECONDS, from WARNING on. Thread-safe."""

    def __init__(self) -> None:
        super().__init__()
        self._windows: dict[tuple[str, int], _Window] = {}
        self._lock = threading.Lock()

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether it passes; the first of the next window tells how many did not."""
        if record.levelno < logging.WARNING:
            return True
        now = time.monotonic()
        with self._lock:
            window = self._windows.setdefault((record.pathname, record.lineno), _Window(now))
            left_out = 0
            if now - window.begun >= WINDOW_SECONDS:
                left_out = window.left_out
                window.begun, window.passed, window.left_out = now, 0, 0
            window.passed += 1
            if window.passed > BURST:
                window.left_out += 1
                return False
            last = window.passed == BURST
        if left_out:
            record.msg = f"{record.msg} ({left_out} more like this were left out)"
        elif last:
            record.msg = f"{record.msg} (more like this are left out for up to {WINDOW_SECONDS:g} seconds)"
        return True


class BoundedLogger(Logger):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's logger with the same bounds."""

    def setup(self, cfg: Any) -> None:
        """Set gunicorn's handlers up, then bound them."""
        super().setup(cfg)
        for logger in (self.error_log, self.access_log):
            for handler in logger.handlers:
                bound(handler)


RATE_LIMIT = RateLimit()


def bound(handler: logging.Handler) -> logging.Handler:
    """Have a handler write bounded lines, in the format that it has."""
    set_before = handler.formatter
    handler.setFormatter(
        BoundedFormatter(set_before._fmt, set_before.datefmt) if set_before else BoundedFormatter(FORMAT)
    )
    handler.addFilter(RATE_LIMIT)
    return handler


def set_up(level: str) -> None:
    """Send every record from `level` on to stderr, within the bounds."""
    logging.basicConfig(level=level, handlers=[bound(logging.StreamHandler())])
