"""Pictures that were made, each with the end of the life that knows of it; and the end of processes."""

import contextlib
import math
from dataclasses import dataclass

import psutil

from tests.fakes.processes import left_of, wait_until


@dataclass(frozen=True)
class Made:
    """A picture that a worker made, or began if what makes it keeps a ledger of its own."""

    what: str
    """The request's id, or the prompt."""
    at: float
    until: float
    """When that life of the worker ended, which knew of it until then. Both are of one clock."""


def made_within(what: str, at: float, ends: list[float]) -> Made:
    """Return a picture that was made in the life that ended next."""
    return Made(what, at, min((it for it in ends if it >= at), default=math.inf))


def kill_all(processes: list[psutil.Process]) -> None:
    """Kill processes with SIGKILL, and wait until none is left."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    wait_until(lambda: not left_of(processes), "the end of what was killed")
