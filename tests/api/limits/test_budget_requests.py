"""Requests with a key that has a budget: what the render worker may spend, and what is counted of it."""

import hashlib

import pytest
from sqlalchemy import select

from image_api.jobs.database.tables import spending
from image_api.services import services_of
from tests.api.conftest import RESULT
from tests.api.limits.spender import model
from tests.api.test_dispatch import HEALTH
from tests.fakes.processes import wait_until

KEY = "ig_" + "k" * 43
OWN = {"Authorization": f"Bearer {KEY}"}
OVER = {"success": False, "error": "A picture of openai costs up to $0.04, and this one may cost nothing more."}


@pytest.fixture
def client(client_with, worker, migrated_url):
    """Return a client with a key that may spend a dime a day, before a worker that has told of its prices."""
    entry = f"one:{hashlib.sha256(KEY.encode()).hexdigest()}:budget=0.10"
    made = client_with(auth="keys", api_keys=entry, database_url=migrated_url, worker_wake_seconds=0)
    models = [it.model_dump() for it in (model(0.04, "openai"), model(0, "horde"))]
    worker.say_to("/models", 200, {"models": models})
    assert made.get("/models", headers=OWN).status_code == 200
    return made


def spent(client) -> int:
    """Return the micro-dollars that are counted."""
    database = services_of(client.application).credentials.store.database
    return sum(database.read(lambda it: it.execute(select(spending.c.micros)).scalars().all()))


def make(client, **fields):
    return client.post("/generate", json={"prompt": "a tree", **fields}, headers=OWN)


def costs(worker, cost, **fields):
    worker.say_to("/generate", 200, {**RESULT, "cost": cost, **fields})


def test_a_picture_may_cost_what_is_reserved_and_counts_what_it_cost(client, worker):
    costs(worker, 0.03)
    answer = make(client)
    assert (answer.status_code, answer.json["cost"]) == (200, 0.03)
    assert worker.asked_to_make()[-1]["max_price"] == 0.04003
    assert spent(client) == 30_000


@pytest.mark.parametrize("model_name", ["openai", "auto"])
def test_when_it_is_spent_what_is_free_goes_on(client, worker, model_name):
    costs(worker, 0.04)
    assert [make(client, model=model_name).status_code for _ in range(2)] == [200, 200]
    refused = make(client, model="openai")
    assert (refused.status_code, refused.json["code"]) == (429, "budget_exhausted")
    assert 0 < int(refused.headers["Retry-After"]) == refused.json["retry_after"] <= 86_400
    asked = len(worker.asked_to_make())
    costs(worker, 0)
    assert make(client, model="horde").status_code == make(client).status_code == 200
    assert [it["max_price"] for it in worker.asked_to_make()[asked:]] == [0, 0]
    assert spent(client) == 80_000


def test_a_key_without_a_budget_and_a_client_without_a_key_have_no_bound(client_with, worker, migrated_url):
    entry = f"one:{hashlib.sha256(KEY.encode()).hexdigest()}"
    client = client_with(api_keys=entry, database_url=migrated_url, worker_wake_seconds=0)
    costs(worker, 0.5)
    for headers in (OWN, {}):
        assert client.post("/generate", json={"prompt": "a"}, headers=headers).json["cost"] == 0.5
    assert all("max_price" not in it for it in worker.asked_to_make())


@pytest.mark.parametrize(
    ("status", "error", "counted"),
    [
        (502, {"code": "engine_failed", "cost": 0.04}, 40_000),
        (502, {"code": "engine_failed", "cost": 0.01}, 10_000),
        (502, {"code": "engine_failed"}, 0),
        (503, {"code": "worker_busy", "retry_after": 5}, 0),
        (422, {"code": "content_refused", "cost": 0.04}, 40_000),
        (500, {"code": "internal_error"}, 40_030),
        (502, {"code": "engine_failed", "cost": -5}, 0),
        (504, {"code": "timeout", "cost": 0.02}, 20_000),
    ],
)
def test_what_was_billed_in_vain_counts(client, worker, status, error, counted):
    worker.say_to("/generate", status, {"success": False, "error": "It failed.", **error})
    answer = make(client)
    assert (answer.status_code, answer.json["code"]) == (status, error["code"])
    assert spent(client) == counted


def test_an_answer_that_breaks_off_may_have_cost_all(client, worker):
    lines = (b'{"event": "progress", "phase": "starting", "message": "Begun."}\n', 0.01)
    worker.say_to("/generate", 200, lines, Content_Type="application/x-ndjson")
    assert make(client).json["code"] == "worker_unavailable"
    assert spent(client) == 40_030


@pytest.mark.parametrize(("cost", "counted"), [(0.0, 40_030), (0.04, 40_030)])
def test_what_broke_off_leaves_nothing_to_spend_on_the_retry(client_with, worker, migrated_url, cost, counted):
    entry = f"one:{hashlib.sha256(KEY.encode()).hexdigest()}:budget=0.10"
    client = client_with(auth="keys", api_keys=entry, database_url=migrated_url)
    prices = {"models": [model(0.04, "openai").model_dump(), model(0, "horde").model_dump()]}
    worker.say_to("/models", 200, prices)
    assert client.get("/models", headers=OWN).status_code == 200
    worker.say_to("/health", 200, HEALTH)
    worker.say_to(
        "/generate", 200, b'{"success"', lambda: costs(worker, cost), Content_Length="500", Connection="close"
    )
    assert make(client).status_code == 200
    assert [it["max_price"] for it in worker.asked_to_make()] == [0.04003, 0]
    assert spent(client) == counted


def test_a_worker_that_is_not_there_costs_nothing(client, worker):
    worker.close()
    assert make(client).json["code"] == "worker_unavailable"
    assert spent(client) == 0


def test_a_worker_that_knows_no_engine_so_cheap_means_that_the_budget_is_spent(client, worker):
    worker.say_to("/generate", 429, {**OVER, "code": "over_budget", "cost": 0.03})
    answer = make(client)
    assert (answer.status_code, answer.json["code"]) == (429, "budget_exhausted")
    assert "A picture of openai costs up to $0.04" in answer.json["error"]
    assert 0 < answer.json["retry_after"] <= 86_400
    assert spent(client) == 30_000


def test_a_worker_of_an_older_version_makes_no_picture(client, worker):
    unknown = '"max_price" is not a parameter here; known are prompt, seed.'
    worker.say_to("/generate", 400, {"success": False, "error": unknown, "code": "invalid_parameter"})
    answer = make(client)
    assert (answer.status_code, answer.json["code"]) == (503, "worker_not_configured")
    assert "older version" in answer.json["error"]
    assert len(worker.asked_to_make()) == 1
    assert spent(client) == 0


def test_a_cached_picture_costs_nothing(client, worker):
    costs(worker, 0.04, seed=7)
    first, second = make(client, seed=7), make(client, seed=7)
    assert (first.json["cached"], second.json["cached"]) == (False, True)
    assert spent(client) == 40_000


def test_several_pictures_are_not_begun_if_they_cannot_all_be_paid_for(client, worker):
    body = {"prompt": "a tree", "n": 3, "model": "openai"}
    answer = client.post("/v1/images/generations", json=body, headers=OWN)
    assert (answer.status_code, worker.asked_to_make(), spent(client)) == (429, [], 0)


def test_a_worker_that_has_told_nothing_gets_a_quarter_of_the_budget(client_with, worker, migrated_url):
    entry = f"one:{hashlib.sha256(KEY.encode()).hexdigest()}:budget=0.10"
    client = client_with(auth="keys", api_keys=entry, database_url=migrated_url, worker_wake_seconds=0)
    costs(worker, 0.02)
    assert make(client, model="auto").status_code == 200
    assert worker.asked_to_make()[-1]["max_price"] == 0.025
    wait_until(lambda: spent(client) == 20_000, "it is settled")
