"""The worker's processes, to be found and killed."""

import contextlib

import psutil

from tests.end_to_end.conftest import Stack

VICTIMS = {
    "browser": ("headless", "--remote-debugging-pipe"),
    "renderer": ("--type=renderer",),
    "driver": ("run-driver",),
}


def of_worker(stack: Stack, *words: str) -> list[psutil.Process]:
    """The worker's processes with these words in their command lines."""
    found = []
    for process in stack.worker.tree():
        with contextlib.suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
            line = " ".join(process.cmdline())
            if all(word in line for word in words):
                found.append(process)
    return found


def kill(stack: Stack, victim: str) -> int:
    """SIGKILL the browser, its renderers or Playwright's driver; how many processes that were."""
    victims = of_worker(stack, *VICTIMS[victim])
    for process in victims:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    return len(victims)


def zombies(stack: Stack) -> list[psutil.Process]:
    """The worker's descendants that have ended and were not reaped."""
    found = []
    for process in stack.worker.tree():
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.status() == psutil.STATUS_ZOMBIE:
                found.append(process)
    return found
