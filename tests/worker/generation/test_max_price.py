"""What one request may cost: the engines it passes over, and what its attempts may have been billed."""

import asyncio
import contextlib

import pytest

from render_worker.budgets.errors import OverMaxPrice
from render_worker.contract import GenerateRequest
from render_worker.errors import ContentRefused, EngineBusy, EngineError, RequestInvalid
from render_worker.generation.idempotency import IdempotentRequests
from tests.fakes.played import Played, ask, over, pipelines, refused


@pytest.fixture
def pipeline_of(tmp_path):
    return pipelines(tmp_path)


@pytest.mark.parametrize(
    ("max_price", "engine"),
    [(None, "dear"), (1, "dear"), (0.4, "dear"), (0.399999, "cheap"), (0.1, "cheap"), (0.09, "free"), (0, "free")],
)
def test_auto_asks_the_first_whose_price_is_low_enough(pipeline_of, max_price, engine):
    engines = Played("dear", price=0.4), Played("unpriced"), Played("cheap", price=0.1), Played("free", price=0)
    result, _ = ask(pipeline_of(*engines), max_price=max_price)
    assert result.engine == engine
    assert {code for _, code in over(result)} <= {"over_budget"}
    assert [len(it.recipes) for it in engines] == [int(it.name == engine) for it in engines]


@pytest.mark.parametrize(("price", "cost"), [(0.04, 0.04), (0, 0), (None, None)])
def test_a_result_tells_what_it_cost(pipeline_of, price, cost):
    assert ask(pipeline_of(Played("one", price=price)))[0].cost == cost


@pytest.mark.parametrize("price", [0.5, None])
@pytest.mark.parametrize("model", ["one", "auto"])
def test_if_none_is_left_the_error_says_so(pipeline_of, price, model):
    one = Played("one", price=price)
    error = refused(pipeline_of(one), OverMaxPrice, model=model, max_price=0.2)
    assert (error.code, error.status, error.cost, one.recipes) == ("over_budget", 429, 0, [])
    assert "$0.20" in str(error)


def test_an_engine_that_is_free_and_fails_is_what_the_error_is_about(pipeline_of):
    pipeline = pipeline_of(Played("dear", price=1.0), Played("free", EngineBusy("Full."), price=0.0))
    assert over(refused(pipeline, EngineBusy, max_price=0.5)) == [("dear", "over_budget")]


@pytest.mark.parametrize(("failure", "billed"), [(EngineError("No."), True), (RequestInvalid("No."), False)])
def test_a_fallback_has_what_the_attempts_before_it_left(pipeline_of, failure, billed):
    engines = Played("one", failure, price=0.3), Played("two", price=0.3), Played("free", price=0.0)
    result, _ = ask(pipeline_of(*engines), max_price=0.5)
    assert (result.engine, result.cost) == (("free", 0.3) if billed else ("two", 0.3))


def test_without_a_bound_all_attempts_are_summed(pipeline_of):
    engines = Played("one", EngineError("No."), price=0.3), Played("two", "rubbish", price=0.2), Played("x", price=0.1)
    result, _ = ask(pipeline_of(*engines))
    assert (result.engine, result.cost) == ("x", 0.6)


def test_an_error_tells_what_was_billed_in_vain(pipeline_of):
    pipeline = pipeline_of(Played("one", EngineError("No."), price=0.3), Played("two", EngineError("No."), price=0.2))
    assert refused(pipeline, EngineError).body().cost == 0.5
    refusal = refused(pipeline_of(Played("one", ContentRefused("No."), price=0.3)), ContentRefused)
    assert refusal.body().cost == 0.3
    assert refused(pipeline_of(Played("one", RequestInvalid("No."), price=0.3)), RequestInvalid).body().cost is None


def test_sums_are_exact(pipeline_of):
    engines = [Played(name, EngineError("No."), price=0.1) for name in "abc"]
    result, _ = ask(pipeline_of(*engines, Played("free", price=0)), max_price=0.3)
    assert (result.engine, result.cost, [len(it.recipes) for it in engines]) == ("free", 0.3, [1, 1, 1])


def test_a_picture_that_costs_nothing_beside_one_that_is_paid_tells_of_both(pipeline_of):
    pipeline = pipeline_of(Played("one", "hang", price=0.2, usual=0.05), Played("two", price=0), hedged=True)
    result, _ = ask(pipeline, max_price=0.2)
    assert (result.engine, result.cost) == ("two", 0.2)


def test_one_that_waits_for_a_slot_was_not_billed(pipeline_of):
    pipeline = pipeline_of(Played("one", "hang", price=0.2, slots=1))
    requests = IdempotentRequests(pipeline.generate)
    first, second = (GenerateRequest(prompt="a", model="one", request_id=it, max_price=1) for it in ("first", "second"))

    async def scene():
        asking = [asyncio.create_task(requests.generate(it)) for it in (first, second)]
        await asyncio.sleep(0.2)
        costs = requests.cost_of(first), requests.cost_of(second)
        for task in asking:
            task.cancel()
        await asyncio.wait(asking)
        return costs

    assert asyncio.run(scene()) == (0.2, 0)


@pytest.mark.parametrize(("again", "engine", "cost"), [(0.6, "one", 0.6), (0.59, "free", 0.3), (0, "free", 0.3)])
def test_a_retry_of_what_was_given_up_has_what_that_left(pipeline_of, again, engine, cost):
    one = Played("one", "hang", price=0.3)
    requests = IdempotentRequests(pipeline_of(one, Played("free", price=0)).generate)

    async def scene():
        asking = asyncio.create_task(requests.generate(GenerateRequest(prompt="a", request_id="same", max_price=0.3)))
        await asyncio.sleep(0.1)
        asking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asking
        one.does = None
        return await requests.generate(GenerateRequest(prompt="a", request_id="same", max_price=again))

    result = asyncio.run(scene())
    assert (result.engine, result.cost) == (engine, cost)


def test_a_retry_with_nothing_left_joins_the_generation_and_gets_its_result(pipeline_of):
    one = Played("one", "slow", price=0.3)
    requests = IdempotentRequests(pipeline_of(one).generate)

    async def scene():
        first = asyncio.create_task(requests.generate(GenerateRequest(prompt="a", request_id="same", max_price=0.3)))
        await asyncio.sleep(0.1)
        retry = GenerateRequest(prompt="a", request_id="same", max_price=0)
        with contextlib.suppress(Exception):
            return await requests.generate(retry), await requests.generate(retry)
        return await first

    joined, stored = asyncio.run(scene())
    assert (joined.cost, stored.cost, len(one.recipes)) == (0.3, 0.3, 1)
