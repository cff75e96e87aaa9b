"""Twenty kills in a row under load, in every phase: each caller gets a picture, or a clear error if it died twice."""

import threading
from collections import Counter

import pytest

from tests.end_to_end.conftest import running
from tests.end_to_end.victims import VICTIMS, kill, zombies
from tests.processes import wait_until

KILLS = 20
CALLERS = 3
PHASES = {"package": ("verifyUser", "generate", "download"), "page": ("page", "make", "upload")}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("victim", VICTIMS)
@pytest.mark.parametrize("route", PHASES)
def test_no_caller_is_lost(tmp_path, route, victim):
    with running(tmp_path, PERCHANCE_ROUTES=route, QUEUE_SIZE=20) as stack:
        stack.play(pause=0.15, delay=0.15)
        over, answers = threading.Event(), Counter()

        def ask() -> None:
            while not over.is_set():
                answer = stack.get(prompt="a tree")
                answers[answer.json().get("code", "picture")] += 1

        callers = [threading.Thread(target=ask) for _ in range(CALLERS)]
        for caller in callers:
            caller.start()
        try:
            for number in range(KILLS):
                phase = PHASES[route][number % 3]
                if phase == "verifyUser":
                    stack.expire_keys()  # a key is asked for only when there is none
                wait_until(lambda phase=phase: stack.gauge().get(phase), 30, f"the phase {phase}")
                kill(stack, victim)
                made = answers["picture"]
                wait_until(lambda made=made: answers["picture"] > made, 30, "the next picture")
        finally:
            over.set()
            for caller in callers:
                caller.join()
        assert answers.keys() <= {"picture", "engine_failed"}, answers
        assert answers["picture"] >= KILLS
        stack.play()
        assert stack.get(prompt="a tree").status_code == 200
        wait_until(lambda: not zombies(stack), 10, "the end of every zombie")
        assert stack.worker_health()["queue"]["running"] == 0
