"""Several programs run as one: when one ends or a signal says stop, all of them end.

The maintained process managers did not fit: one signals whole process groups and kills after five seconds, another
restarts on SIGHUP and leaves its programs behind when it dies.
"""

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping

STOP_SECONDS = 6.0  # beyond the graceful timeout
LOOK_SECONDS = 0.2
PR_SET_PDEATHSIG = 1  # of prctl(2)
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Processes:
    """Programs that lead process groups of their own, so that a terminal's Ctrl-C reaches only this process."""

    def __init__(self, graceful_seconds: float) -> None:
        self._stop_seconds = graceful_seconds + STOP_SECONDS
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._needed: set[str] = set()
        self._replaced: dict[str, Callable[[], subprocess.Popen[bytes]]] = {}
        self._stop = threading.Event()
        for number in STOP_SIGNALS:
            signal.signal(number, lambda *_: self._stop.set())

    def start(
        self, name: str, environment: Mapping[str, str], *command: str, needed: bool = False, replaced: bool = False
    ) -> None:
        """Start a program with an environment of its own; its output goes where this process's goes.

        `needed`: the other programs need it to the end. `replaced`: it is started again if it is killed.
        """

        def start() -> subprocess.Popen[bytes]:
            return subprocess.Popen(  # noqa: S603 - our own programs
                command,
                env=environment,
                start_new_session=True,
                preexec_fn=_end_with_parent,  # safe: no thread has been started here
            )

        if needed:
            self._needed.add(name)
        if replaced:
            self._replaced[name] = start
        self._running[name] = start()

    def ended(self) -> str | None:
        """Return the name of a program that has ended by itself; returns None if all run."""
        return next((name for name, process in self._running.items() if process.poll() is not None), None)

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until a signal says stop or a program ends; return False if neither happens within `seconds`."""
        end = None if seconds is None else time.monotonic() + seconds
        while not self._stop.is_set() and not self._ended_for_good():
            if end is not None and time.monotonic() > end:
                return False
            self._stop.wait(LOOK_SECONDS)
        return True

    def _ended_for_good(self) -> str | None:
        """Return as `ended` does, once those that were killed and are to be replaced have been started again."""
        for name, start in self._replaced.items():
            if (self._running[name].poll() or 0) < 0:
                self._running[name] = start()
        return self.ended()

    def stop(self) -> None:
        """Stop all programs, those that the others need after them."""
        self._stop_at_once([process for name, process in self._running.items() if name not in self._needed])
        self._stop_at_once([self._running[name] for name in self._needed])

    def _stop_at_once(self, programs: list[subprocess.Popen[bytes]]) -> None:
        """Send SIGTERM to programs; kill those that outlast the timeout, with all that they started."""
        for process in programs:
            process.terminate()
        end = time.monotonic() + self._stop_seconds
        for process in programs:
            try:
                process.wait(max(0.0, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _end_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
