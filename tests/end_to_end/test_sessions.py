"""Concurrency of an engine: as many pictures at a time as it has sessions, by default one, without idle time."""

import threading
import time

import pytest

from tests.end_to_end.conftest import running
from tests.fakes.processes import wait_until


@pytest.mark.parametrize("route", ["page", "package"])
@pytest.mark.parametrize("sessions", [1, 4])
def test_every_session_is_at_work_while_clients_wait(tmp_path, route, sessions):
    limits = {"PERCHANCE_GENERATE_SECONDS": 30, "QUEUE_SIZE": 20}
    with running(tmp_path, PERCHANCE_ROUTES=route, PERCHANCE_SESSIONS=sessions, **limits) as stack:
        stack.play(delay=2, threads=sessions, painted="beforehand")
        over = threading.Event()

        def ask() -> None:
            while not over.is_set():
                assert stack.get(prompt="a tree").status_code == 200

        clients = [threading.Thread(target=ask) for _ in range(2 * sessions)]
        for client in clients:
            client.start()
        wait_until(lambda: stack.gauge()["in_flight"] == sessions, "full work")
        seen = []
        for _ in range(40):
            seen.append(stack.gauge()["in_flight"])
            time.sleep(0.1)
        over.set()
        for client in clients:
            client.join()
        assert stack.gauge()["peak"] == sessions
        assert sum(seen) / len(seen) > 0.8 * sessions, seen  # the rest is the hand-over from one picture to the next
