"""Fault injection: find, kill and suspend the worker's processes."""

import contextlib
import signal

import psutil

from tests.end_to_end.conftest import Stack
from tests.fakes.processes import command_of

VICTIMS = {
    "browser": ("headless", "--remote-debugging-pipe"),
    "renderer": ("--type=renderer",),
    "driver": ("run-driver",),
    "network service": ("--utility-sub-type=network",),
}


def of_worker(stack: Stack, *words: str) -> list[psutil.Process]:
    """Return the worker's processes with these words in their command lines."""
    found = []
    for process in stack.worker.tree():
        line = command_of(process)
        if all(word in line for word in words):
            found.append(process)
    return found


def kill(stack: Stack, victim: str) -> int:
    """Send SIGKILL to the processes of that kind; return how many there were."""
    return _signal(stack, victim, signal.SIGKILL)


def hang(stack: Stack, victim: str) -> int:
    """Send SIGSTOP to the processes of that kind, so that they hang; return how many there were."""
    return _signal(stack, victim, signal.SIGSTOP)


def _signal(stack: Stack, victim: str, number: signal.Signals) -> int:
    sent = 0
    for process in of_worker(stack, *VICTIMS[victim]):
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(number)
            sent += 1
    return sent


def zombies(stack: Stack) -> list[psutil.Process]:
    """Return the worker's descendants that have ended and were not reaped."""
    found = []
    for process in stack.worker.tree():
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.status() == psutil.STATUS_ZOMBIE:
                found.append(process)
    return found
