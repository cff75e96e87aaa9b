"""Requests that share a flight, or a lost picture, do not share the limits of one of them."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from image_api.admission import Waiter
from image_api.generation.cache import MemoryCache
from image_api.generation.options import GenerationOptions
from image_api.generation.use_case import Generation
from image_api.limits.errors import BudgetSpent, RateLimited
from image_api.settings import Settings
from render_worker.contract import GenerateResult, Progress
from tests.api.conftest import RESULT
from tests.api.limits.visitors import OTHER, VISITOR, get, left
from tests.fakes.processes import wait_until

OPTIONS = GenerationOptions(prompt="a tree", seed=7)


class PricedQueue:
    """A dispatch that makes no picture which may cost nothing, and waits before it says so."""

    def __init__(self) -> None:
        self.prices: list[float | None] = []
        self.release = threading.Event()

    def generate(self, request, report, client=None, abort=None, image=None, *, repeated=False):
        self.prices.append(request.max_price)
        report(Progress(phase="generating", message="At it."))
        self.release.wait(20)
        if request.max_price == 0:
            raise BudgetSpent("Nothing is left.", 60)
        return GenerateResult.model_validate(RESULT)

    def cancel(self, request_id):
        """Do nothing."""

    def stop(self):
        """Do nothing."""


class Account:
    """A payer that has nothing left, and keeps what becomes of its charges."""

    max_price = 0.0

    def __init__(self) -> None:
        self.ends: list[object] = []

    def require(self, requests):
        """Refuse nothing."""

    def charge(self, request):
        return self

    def settle(self, result):
        self.ends.append(result)

    def refund(self, cost=0):
        self.ends.append(cost)


def test_a_flight_that_fails_by_the_budget_of_one_client_is_begun_again_for_another():
    queue, account = PricedQueue(), Account()
    generation = Generation(queue, MemoryCache(), Settings())
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(generation.generate, OPTIONS, "one", Waiter("one", payer=account))
        wait_until(lambda: queue.prices, "it has begun")
        second = pool.submit(generation.generate, OPTIONS, "two", Waiter("two"))
        wait_until(lambda: len(generation.admission) == 2, "the other has joined")
        queue.release.set()
        with pytest.raises(BudgetSpent):
            first.result()
        assert second.result().result.image_url == RESULT["image_url"]
    assert (queue.prices, account.ends) == ([0.0, None], [0])


class Refusing(Account):
    """A payer that is beyond its limit."""

    def charge(self, request):
        raise RateLimited("Enough.", 60)


def test_a_request_beyond_its_limit_joins_one_in_flight():
    queue = PricedQueue()
    generation = Generation(queue, MemoryCache(), Settings())
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(generation.generate, OPTIONS, "one", Waiter("one"))
        wait_until(lambda: queue.prices, "it has begun")
        second = pool.submit(generation.generate, OPTIONS, "two", Waiter("two", payer=Refusing()))
        wait_until(lambda: len(generation.admission) == 2, "the other has joined")
        queue.release.set()
        assert [it.result().cache_status for it in (first, second)] == ["MISS", "JOINED"]
    with pytest.raises(RateLimited):
        generation.generate(OPTIONS.model_copy(update={"seed": 8}), "three", Waiter("two", payer=Refusing()))
    assert len(generation.admission) == 0


def test_a_lost_picture_that_one_client_may_not_have_made_again_is_made_for_another(client_with, worker):
    client = client_with(rate_limit="1 per day", worker_wake_seconds=0)
    assert get(client, "/generate?prompt=a+tree&seed=7").status_code == 200
    worker.say_to("/images/", 404, {"success": False, "error": "None.", "code": "not_found"})
    worker.requests.clear()
    lost = RESULT["image_url"]
    answers = [get(client, lost, VISITOR) for _ in range(2)]
    assert [(it.status_code, it.json["code"]) for it in answers] == [(429, "rate_limited")] * 2
    assert not worker.asked_to_make()
    assert left(get(client, lost, OTHER)) == 0
    assert len(worker.asked_to_make()) == 1
