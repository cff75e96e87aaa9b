"""Logs with a bounded length of lines and a rate limit, whatever clients send.

A client's value could fill the disk, forge a line (log injection) or bury others. So each value is truncated and its
control characters are escaped, lines and tracebacks have a maximum length, and equal warnings a maximum rate, with a
count of those that were suppressed.
"""

import contextlib
import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gunicorn.glogging import Logger

MAX_VALUE = 200
MAX_LINE = 2_000  # of a whole line: a sentence formatted before it was logged, a line of a traceback
MAX_TRACEBACK = 16_000
BURST = 20
WINDOW_SECONDS = 10.0
MAX_WINDOWS = 1_000
FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"

log = logging.getLogger(__name__)


def escaped(text: str) -> str:
    """Return a text with unprintable characters escaped: it can neither forge a line nor control a terminal."""
    if text.isprintable():
        return text
    return "".join(it if it.isprintable() else it.encode("unicode_escape").decode() for it in text)


def shortened(text: str, most: int = MAX_VALUE) -> str:
    """Return a text as one printable line of at most `most` characters, the last an ellipsis if it was cut."""
    text = escaped(text if len(text) <= most else text[: most - 1] + "…")
    return text if len(text) <= most else text[: most - 1] + "…"


def _bounded(value: Any) -> Any:
    """Return a log call's argument as MAX_VALUE characters at most; numbers and None unchanged."""
    return value if isinstance(value, int | float | None) else shortened(str(value))


class BoundedFormatter(logging.Formatter):
    """A formatter that truncates values, lines and tracebacks."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line, followed by its traceback if it has one."""
        copy = logging.makeLogRecord(record.__dict__)  # other handlers get the record unchanged
        if isinstance(copy.args, Mapping):
            copy.args = {name: _bounded(value) for name, value in copy.args.items()}
        elif copy.args:
            copy.args = tuple(_bounded(value) for value in copy.args)
        copy.msg, copy.args, copy.exc_text = shortened(copy.getMessage(), MAX_LINE), None, None
        return super().format(copy)

    def formatException(self, ei: Any) -> str:  # noqa: N802 - logging's name
        """Return the traceback with each line truncated, and only its end if it exceeds MAX_TRACEBACK.

        Its lines are indented: the text of an exception may hold lines that look like the log's own.
        """
        lines = [f"  {shortened(line, MAX_LINE)}" for line in super().formatException(ei).splitlines()]
        return "\n".join(lines)[-MAX_TRACEBACK:]


@dataclass
class _Window:
    """Counters of equal warnings within WINDOW_SECONDS."""

    begun: float
    passed: int = 0
    suppressed: int = 0


class RateLimit(logging.Filter):
    """A rate limit of BURST equal warnings within WINDOW_SECONDS, which logs the number suppressed. Thread-safe.

    Warnings are equal if they come from the same line of code and have the same `kind` (an error code) in `extra`.
    """

    def __init__(self) -> None:
        super().__init__()
        self._windows: dict[tuple[str, int, str], _Window] = {}
        self._lock = threading.Lock()

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the record passes."""
        if record.levelno < logging.WARNING:
            return True
        key = record.pathname, record.lineno, getattr(record, "kind", "")
        now = time.monotonic()
        with self._lock:
            window = self._windows.get(key)
            if window is None or now - window.begun >= WINDOW_SECONDS:
                self._forget_old(now)
                window = self._windows[key] = _Window(now)
            window.passed += 1
            if window.passed <= BURST:
                return True
            window.suppressed += 1
            first = window.suppressed == 1
        if first:
            self._report_later(record, window)
        return False

    def _forget_old(self, now: float) -> None:
        """Remove expired windows, so that clients cannot grow their number."""
        if len(self._windows) >= MAX_WINDOWS:
            self._windows = {key: it for key, it in self._windows.items() if now - it.begun < WINDOW_SECONDS}

    def _report_later(self, record: logging.LogRecord, window: _Window) -> None:
        """Log the number suppressed at the window's end, whether another warning comes or not."""

        def report() -> None:
            count = logging.makeLogRecord(record.__dict__)
            count.msg, count.args = "%d more like this were left out: %s", (window.suppressed, record.getMessage())
            count.lineno, count.exc_info = 0, None  # a line of its own, so that it passes the filter
            logging.getLogger(record.name).handle(count)

        timer = threading.Timer(max(0.0, window.begun + WINDOW_SECONDS - time.monotonic()), report)
        timer.daemon = True
        with contextlib.suppress(RuntimeError):  # no more threads can be started
            timer.start()


class BoundedLogger(Logger):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's logger with the same bounds and rate limit."""

    def setup(self, cfg: Any) -> None:
        """Set up gunicorn's handlers, then bound them."""
        super().setup(cfg)
        for logger in (self.error_log, self.access_log):
            for handler in logger.handlers:
                bound(handler)


RATE_LIMIT = RateLimit()


def bound(handler: logging.Handler) -> logging.Handler:
    """Bound a handler's lines, in its own format; return it."""
    set_before = handler.formatter
    handler.setFormatter(
        BoundedFormatter(set_before._fmt, set_before.datefmt) if set_before else BoundedFormatter(FORMAT)
    )
    handler.addFilter(RATE_LIMIT)
    return handler


def set_up(level: str) -> None:
    """Log records from `level` on, and exceptions that end a thread, to stderr within the bounds."""
    logging.basicConfig(level=level, handlers=[bound(logging.StreamHandler())])
    threading.excepthook = _thread_failed


def _thread_failed(end: threading.ExceptHookArgs) -> None:
    error = end.exc_value
    if error is not None:
        name = end.thread.name if end.thread else "a thread"
        log.error("%s: unexpected error", name, exc_info=error, extra={"kind": type(error).__name__})
