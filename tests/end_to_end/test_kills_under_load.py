"""Twenty deaths in a row under load: each caller gets a picture, or a clear error where his request died twice."""

import threading
from collections import Counter

import pytest

from tests.end_to_end.conftest import running
from tests.end_to_end.test_kills import PHASES
from tests.end_to_end.victims import VICTIMS, kill, zombies
from tests.fakes.processes import wait_until

KILLS = 20
CALLERS = 3


@pytest.mark.timeout(300)
@pytest.mark.parametrize("route", PHASES)
def test_no_caller_is_lost(tmp_path, route):
    with running(tmp_path, PERCHANCE_ROUTES=route, QUEUE_SIZE=20) as stack:
        stack.play(pause=0.15, delay=0.15)
        over, answers, killed = threading.Event(), Counter(), 0

        def ask() -> None:
            while not over.is_set():
                answer = stack.get(prompt="a tree")
                answers[answer.json().get("code", "picture")] += 1

        callers = [threading.Thread(target=ask) for _ in range(CALLERS)]
        for caller in callers:
            caller.start()
        try:
            for number in range(KILLS):
                phase = PHASES[route][number // len(VICTIMS) % 3]
                if phase == "verifyUser":
                    stack.expire_keys()  # a key is asked for only when there is none
                wait_until(lambda phase=phase: stack.gauge().get(phase), f"the phase {phase}")
                killed += kill(stack, list(VICTIMS)[number % len(VICTIMS)])
                made = answers["picture"]
                wait_until(lambda made=made: answers["picture"] > made, "the next picture")
        finally:
            over.set()
            for caller in callers:
                caller.join()
        assert killed >= KILLS
        assert answers.keys() <= {"picture", "engine_failed"}, answers
        assert answers["picture"] >= KILLS
        assert answers["engine_failed"] <= KILLS // 4, answers
        stack.play()
        assert stack.get(prompt="a tree").status_code == 200
        wait_until(lambda: not zombies(stack), "the end of every zombie")
        assert stack.worker_health()["queue"]["running"] == 0
