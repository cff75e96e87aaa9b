"""Daily budgets in the pipeline: which attempts are counted, and what the selection makes of a used up one."""

import asyncio

import pytest

from render_worker.budgets.budgets import Budgets
from render_worker.budgets.file_ledger import FileLedger
from render_worker.contract import GenerateRequest
from render_worker.errors import EngineNotConfigured, EngineRateLimited, QuotaExhausted, RequestInvalid
from tests.fakes.played import Played, ask, over, pipelines, refused


@pytest.fixture
def pipeline_of(tmp_path):
    make = pipelines(tmp_path)

    def with_budget(*engines, dollars=1.0, **options):
        budgets = Budgets({"one": round(dollars * 1_000_000)}, FileLedger(tmp_path / "budgets"))
        return make(*engines, budgets=budgets, **options)

    return with_budget


def spent(pipeline):
    return pipeline.selector.health("one").details["spent_today"]


def test_auto_goes_on_when_it_is_used_up(pipeline_of):
    one = Played("one", price=0.4)
    pipeline = pipeline_of(one, Played("two"))
    assert [ask(pipeline)[0].engine for _ in range(4)] == ["one", "one", "two", "two"]
    assert over(ask(pipeline)[0]) == [("one", "engine_quota_exhausted")]
    assert (len(one.recipes), spent(pipeline)) == (2, "$0.80")
    health = pipeline.selector.health("one")
    assert (health.state, health.breaker) == ("resting", "closed")
    assert refused(pipeline, QuotaExhausted, model="one").retry_after > 0


def test_a_crowd_never_exceeds_it(pipeline_of):
    one = Played("one", "slow", price=0.1, slots=8)
    pipeline = pipeline_of(one, Played("two", slots=8), queue_size=100)

    async def crowd():
        asking = (pipeline.generate(GenerateRequest(prompt="a", timeout_seconds=60)) for _ in range(50))
        return [result.engine for result in await asyncio.gather(*asking)]

    assert asyncio.run(crowd()).count("one") == len(one.recipes) == 10


def test_a_refused_request_costs_nothing(pipeline_of):
    pipeline = pipeline_of(Played("one", RequestInvalid("No."), price=0.9))
    for _ in range(3):
        refused(pipeline, RequestInvalid, model="one")
    assert spent(pipeline) == "$0.00"


def test_those_that_wait_while_the_service_blocks_cost_nothing(pipeline_of):
    class Blocking(Played):
        async def generate(self, recipe, report):
            await asyncio.sleep(0.05)
            report("downloading")
            raise EngineRateLimited("Full.", 60)

    pipeline = pipeline_of(Blocking("one", price=0.1, slots=1))

    async def crowd():
        asking = (pipeline.generate(GenerateRequest(prompt="a", model="one")) for _ in range(4))
        return await asyncio.gather(*asking, return_exceptions=True)

    assert {type(it) for it in asyncio.run(crowd())} == {EngineRateLimited}
    assert spent(pipeline) == "$0.10"  # of the first, whose picture was made


def test_a_bad_picture_was_paid(pipeline_of):
    pipeline = pipeline_of(Played("one", "rubbish", price=0.2), Played("two"))
    assert over(ask(pipeline)[0]) == [("one", "picture_unreadable")]
    assert spent(pipeline) == "$0.20"


def test_one_that_waits_for_a_slot_is_not_counted(pipeline_of):
    pipeline = pipeline_of(Played("one", "hang", price=0.2, slots=1))

    async def two_of_which_one_waits():
        asking = [asyncio.create_task(pipeline.generate(GenerateRequest(prompt="a", model="one"))) for _ in "ab"]
        await asyncio.sleep(0.2)
        for task in asking:
            task.cancel()
        await asyncio.wait(asking)

    asyncio.run(two_of_which_one_waits())
    assert spent(pipeline) == "$0.20"


def test_without_a_price_it_is_not_set_up(pipeline_of):
    pipeline = pipeline_of(Played("one"), Played("two"))
    assert over(ask(pipeline)[0]) == [("one", "engine_not_configured")]
    assert "ENGINE_PRICES" in str(refused(pipeline, EngineNotConfigured, model="one"))
    assert pipeline.selector.health("one").state == "down"
    assert ask(pipeline_of(Played("one"), prices={"one": 0.5}))[0].engine == "one"


def test_what_is_free_has_no_end(pipeline_of):
    pipeline = pipeline_of(Played("one", price=0.0), dollars=0)
    assert [ask(pipeline)[0].engine for _ in range(3)] == ["one"] * 3
    assert pipeline.selector.health("one").state == "ready"


def test_an_engine_that_is_never_asked_or_limited_in_vain_is_told_at_the_start(pipeline_of):
    unpriced, free, priced = (pipeline_of(Played("one", price=price)).selector for price in (None, 0.0, 0.1))
    assert [list(selector.problems()) for selector in (unpriced, free, priced)] == [
        [
            "one is never asked: ENGINE_DAILY_BUDGET limits one, and what its picture costs is not known: set "
            "ENGINE_PRICES=one=…, in US dollars."
        ],
        [
            "ENGINE_DAILY_BUDGET limits nothing for one, whose pictures are taken to be free; "
            "if its account is billed for them, set ENGINE_PRICES=one=…, in US dollars."
        ],
        [],
    ]
    missing = pipeline_of(Played("two", missing="No key.")).selector
    assert list(missing.problems()) == ["two is never asked: No key."]
