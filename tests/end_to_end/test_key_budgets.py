"""What a key may cost in a day: a crowd at two engines that are paid, the deaths of workers, and jobs."""

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress

import pytest
import requests

from image_api.shared_check import FRESH_SECONDS
from tests.api.auth.keys import declared
from tests.end_to_end.conftest import Stack, worker_settings
from tests.end_to_end.rendering import DISPATCHES, rendering
from tests.fakes.processes import api, sandbox, wait_until

CENTS = {"replicate": 3, "openai": 5}
BUDGET = 40
CROWD = 24


@contextmanager
def tiers(folder, dispatch="direct", cents=BUDGET, **settings) -> Iterator[tuple[Stack, dict[str, str]]]:
    """Run both tiers before stand-ins of two engines that are paid, and of one that is free; and return a key."""
    key, entry = declared("shop", budget=cents * 10_000)
    with sandbox() as site:
        requests.post(f"{site.url}/sandbox", json={"painted": "beforehand"}, timeout=30)
        own = {
            "ENGINES": "openai,replicate,horde",
            "ENGINE_PRICES": ",".join(f"{name}={each / 100}" for name, each in CENTS.items()),
            "ENGINE_CONCURRENCY": 20,
            "MAX_CONCURRENCY": 20,
            "QUEUE_SIZE": 100,
            **site.pointers("replicate", "openai"),
            **site.keys("replicate", "openai"),
            **settings,
        }
        of_api = {"AUTH": "keys", "API_KEYS": entry, "DATABASE_URL": f"sqlite:///{folder}/jobs.db", "SIMULATED": "true"}
        with (
            rendering(dispatch, **worker_settings(site, folder, **own)) as made_by,
            api(**{**made_by.of_api, "WORKER_TOKEN": "a-token-of-the-tests", **of_api}) as front,
        ):
            stack = Stack(site, made_by.worker, front, made_by)
            wait_until(lambda: stack.get("/ready").ok, "the worker's readiness")
            yield stack, {"Authorization": f"Bearer {key}"}


def make(stack, headers, **fields) -> requests.Response:
    return requests.post(f"{stack.api.url}/generate", json={"prompt": "a tree", **fields}, headers=headers, timeout=90)


def billed(stack) -> int:
    """Return the cents of all pictures that the stand-ins were asked for."""
    log = requests.get(f"{stack.sandbox.url}/sandbox/log", timeout=30).json()
    return sum(CENTS.get(entry["endpoint"], 0) for entry in log)


def crowd(stack, headers, number=CROWD, **fields) -> list[dict]:
    with ThreadPoolExecutor(number) as pool:
        return [it.json() for it in pool.map(lambda _: make(stack, headers, **fields), range(number))]


@pytest.mark.parametrize("dispatch", DISPATCHES)
def test_a_crowd_never_exceeds_it_and_the_rest_is_free(tmp_path, dispatch):
    with tiers(tmp_path, dispatch) as (stack, key):
        assert make(stack, key, model="horde").json()["cost"] == 0  # and the prices are known
        answers = crowd(stack, key)
        assert {it["engine"] for it in answers} >= {"horde", "openai"}
        assert 0 < billed(stack) == round(100 * sum(it["cost"] for it in answers)) <= BUDGET
        while billed(stack) + CENTS["replicate"] <= BUDGET:
            assert make(stack, key, model="replicate").status_code == 200
        refused = make(stack, key, model="replicate")
        assert (refused.status_code, refused.json()["code"]) == (429, "budget_exhausted")
        assert 0 < int(refused.headers["Retry-After"]) <= 86_400
        assert billed(stack) <= BUDGET


def test_a_crowd_whose_pictures_fail_and_fall_back_never_exceeds_it(tmp_path):
    with tiers(tmp_path) as (stack, key):
        make(stack, key, model="horde")
        stack.play(openai="server_error", painted="beforehand")
        answers = crowd(stack, key)
        assert all(it["success"] for it in answers)
        assert 0 < billed(stack) <= BUDGET
        assert all(it["cost"] <= 0.05 for it in answers)


def test_workers_that_die_with_pictures_in_their_hands_never_exceed_it(tmp_path):
    with tiers(tmp_path, ENGINES="replicate,horde", ENGINE_PRICES="replicate=0.03") as (stack, key):
        make(stack, key, model="horde")
        stack.play(replicate="stuck", painted="beforehand")
        with ThreadPoolExecutor(4) as pool:
            for _ in range(4):
                pool.submit(_ignored, stack, key)
            wait_until(lambda: billed(stack) == 12, "four that are stuck")
            os.killpg(stack.worker.process.pid, signal.SIGKILL)
            stack.worker.stop(signal.SIGKILL)
            stack.play(replicate="ok", painted="beforehand")
            stack.worker.start_again()
        wait_until(lambda: stack.get("/ready").ok, "the worker is there again")
        codes = [make(stack, key, model="replicate").status_code for _ in range(12)]
        assert (codes.count(200), codes.count(429)) == ((BUDGET - 12) // 3, 12 - (BUDGET - 12) // 3)
        assert billed(stack) <= BUDGET


def test_models_are_read_beside_its_pictures(tmp_path):
    """In the request's greenlet: one that the database's native thread begins would never go on."""
    with tiers(tmp_path) as (stack, key):
        stack.api.stop()
        stack.api.start_again()
        wait_until(lambda: _answers(stack), "the tier, which knows no models yet")
        for _ in range(3):
            assert make(stack, key, model="horde").status_code == 200
            time.sleep(FRESH_SECONDS + 0.1)  # in which they are read once
        for path in ("/models", "/ready", "/v1/models"):
            assert requests.get(f"{stack.api.url}{path}", headers=key, timeout=60).ok


def _answers(stack) -> bool:
    with suppress(requests.ConnectionError):
        return stack.get("/health").ok
    return False


def _ignored(stack, key) -> None:
    with suppress(requests.RequestException):
        make(stack, key, model="replicate")


@pytest.mark.parametrize("dispatch", DISPATCHES)
def test_jobs_are_within_it_too(tmp_path, dispatch):
    with tiers(tmp_path, dispatch, cents=12) as (stack, key):
        make(stack, key, model="horde")

        def submit() -> requests.Response:
            body = {"prompt": "a tree", "model": "openai", "n": 2}
            return requests.post(f"{stack.api.url}/api/v1/generate", json=body, headers=key, timeout=60)

        first = submit()
        assert first.status_code == 202, first.text
        ended: dict = {}

        def is_completed() -> bool:
            ended.update(
                requests.get(f"{stack.api.url}/api/v1/status/{first.json()['job_id']}", headers=key, timeout=30).json()
            )
            return ended["status"] == "completed"

        wait_until(is_completed, "the job")
        assert [it["cost"] for it in ended["images"]] == [0.05, 0.05]
        assert (submit().status_code, billed(stack)) == (429, 10)
