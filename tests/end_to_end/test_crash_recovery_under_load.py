"""Each kind of process is killed in each phase under load: clients get pictures, or an error if they were hit twice."""

import threading
from collections import Counter

import pytest

from tests.end_to_end.conftest import running
from tests.end_to_end.test_crash_recovery import PHASES
from tests.end_to_end.victims import VICTIMS, kill, zombies
from tests.fakes.processes import wait_until

KILLS = 3 * len(VICTIMS)
CLIENTS = 3


@pytest.mark.timeout(300)
@pytest.mark.parametrize("route", PHASES)
def test_no_request_is_lost(tmp_path, route):
    with running(tmp_path, PERCHANCE_ROUTES=route, QUEUE_SIZE=20) as stack:
        stack.play(pause=0.15, delay=0.15)
        over, responses, killed = threading.Event(), Counter(), 0

        def ask() -> None:
            while not over.is_set():
                response = stack.get(prompt="a tree")
                responses[response.json().get("code", "picture")] += 1

        clients = [threading.Thread(target=ask) for _ in range(CLIENTS)]
        for client in clients:
            client.start()
        try:
            for number in range(KILLS):
                phase = PHASES[route][number // len(VICTIMS) % 3]
                if phase == "verifyUser":
                    stack.expire_keys()  # a key is asked for only when there is none
                wait_until(lambda phase=phase: stack.gauge().get(phase), f"the phase {phase}")
                killed += kill(stack, list(VICTIMS)[number % len(VICTIMS)])
                made = responses["picture"]
                wait_until(lambda made=made: responses["picture"] > made, "the next picture")
        finally:
            over.set()
            for client in clients:
                client.join()
        assert killed >= KILLS
        assert responses.keys() <= {"picture", "engine_failed"}, responses
        assert responses["picture"] >= KILLS
        assert responses["engine_failed"] <= KILLS // 4, responses
        stack.play()
        assert stack.get(prompt="a tree").status_code == 200
        wait_until(lambda: not zombies(stack), "the end of every zombie")
        assert stack.worker_health()["queue"]["running"] == 0
