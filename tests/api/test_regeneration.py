"""A lost picture is regenerated once, even if that fails."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.api.conftest import NAME, RESULT
from tests.fakes.processes import wait_until
from tests.fakes.redis_server import RedisServer

SEEDED = "/generate?prompt=a+tree&seed=7"
FAILURE = {"success": False, "error": "Busy.", "code": "worker_busy", "retry_after": 15}
ANOTHER = "/images/" + "b" * 64 + ".png"


@pytest.fixture(params=["memory", "redis"])
def lost(request, client_with, worker):
    """Yield a client of a service whose picture of SEEDED is lost."""
    if request.param == "memory":
        client = client_with()
        client.get(SEEDED)
        worker.say_to("/images/", 404, b"{}")
        yield client
        return
    with RedisServer() as server:
        client = client_with(redis_url=server.url)
        client.get(SEEDED)
        worker.say_to("/images/", 404, b"{}")
        yield client


def made(worker, before=lambda: None, status=200, body=RESULT):
    worker.say(status, body, before=before)
    worker.say_to("/images/", 404, b"{}")


def test_a_second_fetch_after_an_error_generates_nothing_and_gets_the_same(lost, worker):
    made(worker, status=503, body=FAILURE)
    answers = [lost.get(f"/images/{NAME}") for _ in range(3)]
    assert [(it.status_code, it.json["code"], it.headers["Retry-After"]) for it in answers] == [
        (503, "worker_busy", "15")
    ] * 3
    assert len({it.json["request_id"] for it in answers}) == 3
    assert len(worker.asked_to_make()) == 2  # the first, and one in vain


def test_a_minute_after_an_error_it_is_retried(lost, worker, monkeypatch):
    monkeypatch.setattr("image_api.generation.regeneration.REGENERATION_TTL_SECONDS", 0.5)
    made(worker, status=503, body=FAILURE)
    assert lost.get(f"/images/{NAME}").status_code == 503
    made(worker, body={**RESULT, "image_url": ANOTHER})
    time.sleep(0.6)
    assert lost.get(f"/images/{NAME}").headers["Location"].endswith(ANOTHER)
    assert len(worker.asked_to_make()) == 3


def test_a_client_that_asks_for_the_picture_itself_is_not_told_of_that(lost, worker):
    made(worker, status=503, body=FAILURE)
    lost.get(f"/images/{NAME}")
    worker.say(200, RESULT)
    assert lost.get(SEEDED).headers["X-Cache"] == "MISS"


@pytest.mark.parametrize(
    ("status", "body", "answer"), [(200, {**RESULT, "image_url": ANOTHER}, 302), (503, FAILURE, 503)]
)
def test_thirty_fetches_at_once_regenerate_one(lost, worker, status, body, answer):
    made(worker, before=lambda: time.sleep(1), status=status, body=body)
    worker.say_to("/images/", 404, b"{}")
    before = worker._answers[""]
    with ThreadPoolExecutor(30) as pool:
        answers = list(pool.map(lambda _: lost.application.test_client().get(f"/images/{NAME}"), range(30)))
    assert [it.status_code for it in answers] == [answer] * 30
    assert worker._answers[""] is before
    assert len(worker.asked_to_make()) == 2


def test_what_was_regenerated_and_lost_too_is_not_regenerated_on_and_on(lost, worker):
    """Each fetch would follow the redirect to a picture that is lost again."""
    made(worker, body={**RESULT, "image_url": ANOTHER})
    assert lost.get(f"/images/{NAME}").headers["Location"].endswith(ANOTHER)
    assert [lost.get(ANOTHER).status_code for _ in range(3)] == [503] * 3
    assert lost.get(f"/images/{NAME}").headers["Location"].endswith(ANOTHER)
    assert len(worker.asked_to_make()) == 2


def test_a_picture_as_the_response_is_regenerated_once(lost, worker):
    made(worker, body={**RESULT, "image_url": ANOTHER})
    assert [lost.get(SEEDED.replace("?", ".png?")).status_code for _ in range(3)] == [502] * 3
    assert len(worker.asked_to_make()) == 2


def test_a_refused_regeneration_is_retried_at_the_next_fetch(client_with, worker):
    client = client_with(max_generations=1)
    client.get(SEEDED)
    made(worker, before=lambda: time.sleep(1.5))
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(client.application.test_client().get, "/generate?prompt=other")
        wait_until(lambda: len(worker.asked_to_make()) == 2, "the other generation")
        assert client.get(f"/images/{NAME}").json["code"] == "service_busy"
        other.result()
    made(worker, body={**RESULT, "image_url": ANOTHER})
    assert client.get(f"/images/{NAME}").status_code == 302


def test_a_redis_that_stores_nothing_costs_no_picture_at_each_fetch(client_with, worker):
    with RedisServer() as server:
        client = client_with(redis_url=server.url)
        client.get(SEEDED)
        server.client.config_set("maxmemory", "1")
        made(worker)
        assert [client.get(f"/images/{NAME}").status_code for _ in range(3)] == [404] * 3
    assert len(worker.asked_to_make()) == 1
