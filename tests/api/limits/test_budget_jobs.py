"""Jobs of a key that has a budget, made by this process and by Celery workers in turn."""

import threading

import pytest
from sqlalchemy import select

from image_api.jobs.database.tables import reservations, spending
from image_api.services import services_of
from tests.api.auth.keys import declared
from tests.api.conftest import RESULT
from tests.api.jobs.conftest import ended
from tests.api.limits.spender import model
from tests.fakes.processes import wait_until
from tests.fakes.scripted_celery_worker import ScriptedCeleryWorker

PRICES = {"perchance": 0.04, "horde": 0.0}
FAILED = {"success": False, "error": "It failed.", "code": "engine_failed"}


class Submitting:
    """A client with a key that may spend a dime a day."""

    def __init__(self, make, worker, **settings):
        self.key, entry = declared("one", scopes=("generate", "jobs"), budget=100_000)
        self.client = make(auth="keys", api_keys=entry, worker_wake_seconds=0, retry_backoff_base=1, **settings)
        self.client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {self.key}"
        self.worker = worker
        models = [model(price, name).model_dump() for name, price in PRICES.items()]
        worker.say_to("/models", 200, {"models": models})
        wait_until(lambda: self.client.get("/models").status_code == 200, "the models are known", 20)
        self.costs(0.03)

    def costs(self, cost, **fields):
        self.worker.say_to("/generate", 200, {**RESULT, "cost": cost, **fields})

    def submit(self, **fields):
        return self.client.post("/api/v1/generate", json={"prompt": "a tree", **fields})

    def run(self, **fields):
        return ended(self.client, self.submit(**fields).json["job_id"])

    def _all(self, query) -> list:
        database = services_of(self.client.application).credentials.store.database
        return list(database.read(lambda it: it.execute(query).scalars().all()))

    @property
    def spent(self) -> int:
        return sum(self._all(select(spending.c.micros)))

    @property
    def held(self) -> list[str]:
        return self._all(select(reservations.c.name))


@pytest.fixture(params=["direct", "celery"])
def dispatch(request, worker):
    """Return the settings of each dispatch in turn, whose engines have PRICES."""
    if request.param == "direct":
        yield {}
        return
    server = request.getfixturevalue("queue")
    server.client.flushall()
    with ScriptedCeleryWorker(server.url, worker.url, prices=PRICES):
        yield {"dispatch": "celery", "redis_url": server.url}


@pytest.fixture
def submitting(dispatch, client_with, worker, migrated_url):
    return lambda **settings: Submitting(client_with, worker, database_url=migrated_url, **dispatch, **settings)


def test_each_picture_counts_what_it_cost(submitting, worker):
    key = submitting(max_retries=0)
    assert key.run(n=2)["status"] == "completed"
    assert {it["max_price"] for it in worker.asked_to_make()} == {0.04003}
    assert (key.spent, key.held) == (60_000, [])


def test_a_job_that_cannot_be_paid_for_is_not_accepted(submitting, worker):
    key = submitting(max_retries=0)
    refused = key.submit(n=3, model="perchance")
    assert (refused.status_code, refused.json["code"]) == (429, "budget_exhausted")
    assert (worker.asked_to_make(), key.spent) == ([], 0)


def test_attempts_that_failed_count_and_the_next_ones_have_what_is_left(submitting, worker):
    key = submitting(max_retries=3)
    worker.say_to("/generate", 502, {**FAILED, "cost": 0.04})
    job = key.run(model="perchance")
    assert (job["status"], job["code"]) == ("failed", "budget_exhausted")
    assert [it["max_price"] for it in worker.asked_to_make()] == [0.04003, 0.04003]
    assert (key.spent, key.held) == (80_000, [])


def test_what_failed_at_no_cost_is_given_back(submitting, worker):
    key = submitting(max_retries=1)
    worker.say_to("/generate", 502, FAILED)
    assert key.run(model="perchance")["status"] == "failed"
    assert (len(worker.asked_to_make()), key.spent, key.held) == (2, 0, [])


def test_a_worker_that_knows_no_engine_so_cheap_ends_it(submitting, worker):
    key = submitting(max_retries=3)
    worker.say_to("/generate", 429, {"success": False, "error": "Too dear.", "code": "over_budget"})
    job = key.run()
    assert (job["status"], job["code"], len(worker.asked_to_make())) == ("failed", "budget_exhausted", 1)


def test_a_cancelled_one_may_have_cost_all(submitting, worker):
    key, release = submitting(max_retries=0), threading.Event()
    worker.say_to("/generate", 200, RESULT, lambda: release.wait(20))
    worker.say_to("/requests/", 204, b"")
    job_id = key.submit(model="perchance").json["job_id"]
    wait_until(worker.asked_to_make, "it is being made", 20)
    assert key.client.delete(f"/api/v1/jobs/{job_id}").json["status"] == "canceled"
    release.set()
    wait_until(lambda: not services_of(key.client.application).jobs.running, "nothing is made any more", 20)
    assert key.spent == 40_030
