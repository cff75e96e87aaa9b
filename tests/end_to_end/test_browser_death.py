"""A browser that dies is replaced, and its request is tried once more."""

import concurrent.futures

import psutil
import pytest

from tests.processes import wait_until


def of_worker(stack, *words: str) -> list[psutil.Process]:
    found = []
    for process in stack.worker.tree():
        try:
            line = " ".join(process.cmdline())
        except (psutil.NoSuchProcess, psutil.ZombieProcess):
            continue
        if all(word in line for word in words):
            found.append(process)
    return found


VICTIMS = {
    "browser": ("headless", "--remote-debugging-pipe"),
    "renderer": ("--type=renderer",),
    "driver": ("run-driver",),
}


@pytest.mark.parametrize("victim", VICTIMS)
@pytest.mark.parametrize("when", ["idle", "generating"])
def test_the_next_picture_is_made_whatever_was_killed(stack, victim, when):
    assert stack.get(prompt="a tree").status_code == 200
    stack.play(delay=1.5)
    with concurrent.futures.ThreadPoolExecutor() as callers:
        if when == "idle":
            kill(stack, victim)
        caller = callers.submit(stack.get, prompt="a tree")
        if when == "generating":
            wait_until(lambda: stack.gauge()["in_flight"] == 1, 5, "the generation")
            kill(stack, victim)
        answer = caller.result()
    assert answer.status_code == 200, answer.text


def kill(stack, victim: str) -> None:
    victims = of_worker(stack, *VICTIMS[victim])
    assert victims, f"no {victim} to kill"
    for process in victims:
        process.kill()
