"""Crash recovery: one process is killed in each phase of a request, and every client gets its picture."""

import concurrent.futures

import pytest

from tests.end_to_end.conftest import running
from tests.end_to_end.victims import VICTIMS, hang, kill, of_worker, zombies
from tests.fakes.processes import wait_until

PHASES = {"package": ("verifyUser", "generate", "download"), "page": ("page", "make", "upload")}
WITHOUT_BROWSER = "upload"  # the worker fetches it itself
LONG = {f"PERCHANCE_{phase}_SECONDS": 100 for phase in ("PAGE", "VERIFY", "GENERATE")}


@pytest.fixture(scope="module", params=PHASES)
def route(request):
    return request.param


@pytest.fixture(scope="module")
def stack(route, tmp_path_factory):
    with running(tmp_path_factory.mktemp("images"), PERCHANCE_ROUTES=route, **LONG) as whole:
        yield whole


@pytest.fixture
def client():
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        yield pool


def setbacks(stack) -> int:
    return stack.worker.log().count("attempt 1 of 2")


@pytest.mark.parametrize("victim", VICTIMS)
def test_a_request_survives_one_death(stack, route, victim, client):
    stack.play(pause=0.3, delay=0.3)
    for phase in PHASES[route]:
        if phase == "verifyUser":
            stack.expire_keys()  # a key is asked for only when there is none
        pending = client.submit(stack.get, prompt="a tree")
        wait_until(lambda phase=phase: stack.gauge().get(phase), f"the phase {phase}")
        assert kill(stack, victim)
        response = pending.result()
        assert response.status_code == 200, (phase, response.text)
        logged = f"{response.json()['request_id']} attempt 1 of 2: " in stack.worker.log()
        assert logged == (phase != WITHOUT_BROWSER), phase
    wait_until(lambda: not zombies(stack), "the end of every zombie")
    assert stack.worker_health()["queue"]["running"] == 0


@pytest.mark.parametrize("victim", ["browser", "driver", "renderer"])
def test_a_request_survives_what_hangs(stack, victim, client):
    assert stack.get(prompt="a tree").status_code == 200
    stack.play(delay=1)
    before = setbacks(stack)
    pending = client.submit(stack.get, prompt="a tree")
    wait_until(lambda: stack.gauge()["in_flight"] == 1, "the generation")
    assert hang(stack, victim)
    assert pending.result().status_code == 200
    assert setbacks(stack) == before + 1
    assert len(of_worker(stack, "run-driver")) == 1
    stack.play()
    assert stack.get(prompt="a tree").status_code == 200


def test_a_request_survives_a_driver_that_dies_as_it_comes_up(stack, client):
    assert kill(stack, "driver")
    wait_until(lambda: not of_worker(stack, "run-driver"), "the driver's end")
    pending = client.submit(stack.get, prompt="a tree")
    wait_until(lambda: kill(stack, "driver"), "the next driver")
    response = pending.result()
    assert response.status_code == 200, response.text


def test_no_line_of_the_log_is_a_traceback(stack):
    assert "Traceback" not in stack.worker.log()
    assert "never retrieved" not in stack.worker.log()
