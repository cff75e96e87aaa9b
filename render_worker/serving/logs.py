"""Log lines of bounded length and number, whatever clients send.

A value from outside could fill the disk, forge a line of its own or hide others by their number. So each value is cut
and its control characters are escaped, each line and traceback has a greatest length, and equal warnings have a
greatest rate, with a count of those that were left out.
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
MAX_LINE = 2_000  # of what is no single value: a sentence that was put together before, a line of a traceback
MAX_TRACEBACK = 16_000
BURST = 20
WINDOW_SECONDS = 10.0
MAX_WINDOWS = 1_000
FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"

log = logging.getLogger(__name__)


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
        """Return the traceback with each line cut, and its end if it is too long as a whole.

        Its lines are indented: the text of an exception may have lines that look like the log's own.
        """
        lines = [f"  {shortened(line, MAX_LINE)}" for line in super().formatException(ei).splitlines()]
        return "\n".join(lines)[-MAX_TRACEBACK:]


@dataclass
class _Window:
    """Equal warnings within WINDOW_SECONDS."""

    begun: float
    passed: int = 0
    left_out: int = 0


class RateLimit(logging.Filter):
    """Let BURST equal warnings pass within WINDOW_SECONDS, and tell then how many did not. Thread-safe.

    Those are equal that come from one place in the code and have the same `kind`, if `extra` gives one: a code.
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
            window.left_out += 1
            first = window.left_out == 1
        if first:
            self._tell_later(record, window)
        return False

    def _forget_old(self, now: float) -> None:
        """Keep the windows from growing in number with what is made of a client's words after all."""
        if len(self._windows) >= MAX_WINDOWS:
            self._windows = {key: it for key, it in self._windows.items() if now - it.begun < WINDOW_SECONDS}

    def _tell_later(self, record: logging.LogRecord, window: _Window) -> None:
        """Have the number told at the window's end, whether another one comes or not."""

        def tell() -> None:
            count = logging.makeLogRecord(record.__dict__)
            count.msg, count.args = "%d more like this were left out: %s", (window.left_out, record.getMessage())
            count.lineno, count.exc_info = 0, None  # of no place, so that it passes
            logging.getLogger(record.name).handle(count)

        timer = threading.Timer(max(0.0, window.begun + WINDOW_SECONDS - time.monotonic()), tell)
        timer.daemon = True
        with contextlib.suppress(RuntimeError):  # the system has no more threads
            timer.start()


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
    """Send every record from `level` on to stderr, and what ends a thread unforeseen, within the bounds."""
    logging.basicConfig(level=level, handlers=[bound(logging.StreamHandler())])
    threading.excepthook = _thread_failed


def _thread_failed(end: threading.ExceptHookArgs) -> None:
    error = end.exc_value
    if error is not None:
        name = end.thread.name if end.thread else "a thread"
        log.error("%s failed unforeseen", name, exc_info=error, extra={"kind": type(error).__name__})
