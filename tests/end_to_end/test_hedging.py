"""Hedging through both tiers: a stand-in that hangs is overtaken by a free one, and asked to stop."""

import json

import pytest
import requests

from tests.end_to_end.conftest import OPERATOR, TOKEN, Stack, worker_settings
from tests.fakes.processes import api, sandbox, wait_until, worker


@pytest.fixture(scope="module")
def hedged(tmp_path_factory):
    settings = {
        "ENGINES": "replicate,horde",
        "HEDGE": "free",
        "ENGINE_DAILY_BUDGET": "replicate=1",
        "BUDGET_FILE": tmp_path_factory.mktemp("data") / "budgets.sqlite3",
    }
    with sandbox() as site:
        keys = {**site.pointers("replicate"), **site.keys("replicate")}
        folder = tmp_path_factory.mktemp("images")
        with (
            worker(**worker_settings(site, folder, **keys, **settings)) as renderer,
            api(PERCHANCE_WORKER_URL=renderer.url, WORKER_TOKEN=TOKEN, SIMULATED="true") as front,
        ):
            stack = Stack(site, renderer, front)
            stack.play(painted="beforehand")
            wait_until(lambda: stack.get("/ready").ok, "the worker's readiness")
            for seed in range(5):  # for a p95 below a second
                assert stack.get(prompt="a tree", seed=seed).json()["engine"] == "replicate"
            yield stack


@pytest.fixture
def stack(hedged):
    requests.post(f"{hedged.sandbox.url}/sandbox/reset", timeout=30).raise_for_status()
    return hedged


def test_one_that_hangs_is_overtaken_and_cancelled_at_its_service(stack):
    stack.play(replicate="stuck")
    body = stack.get(prompt="a tree", cache="false").json()
    assert (body["engine"], body["fallback_from"]) == ("horde", [{"engine": "replicate", "code": "too_slow"}])
    assert (len(stack.requests_to("replicate")), len(stack.requests_to("horde"))) == (1, 1)
    wait_until(lambda: stack.requests_to("replicate_cancel"), "the end of the prediction")
    assert stack.requests_to("horde_cancel") == []
    state = stack.worker_health()
    assert (state["engines"]["replicate"]["breaker"], state["queue"]["running"]) == ("closed", 0)


def test_the_loser_stays_counted_in_its_budget(stack):
    before = stack.worker_health()["engines"]["replicate"]["details"]["spent_today"]
    stack.play(replicate="stuck")
    assert stack.get(prompt="a tree", cache="false").json()["engine"] == "horde"
    after = stack.worker_health()["engines"]["replicate"]["details"]["spent_today"]
    assert round(float(after[1:]) - float(before[1:]), 6) == 0.003


def test_if_the_hedge_hangs_it_is_cancelled_and_the_other_answers(stack):
    stack.play(horde="stuck", replicate="slow_creation")
    body = stack.get(prompt="a tree", cache="false").json()
    assert (body["engine"], body.get("fallback_from")) == ("replicate", None)
    if stack.requests_to("horde"):
        wait_until(lambda: stack.requests_to("horde_cancel"), "the request's end at AI Horde")


def test_the_progress_is_one_story(stack):
    stack.play(replicate="stuck")
    with requests.get(
        f"{stack.api.url}/generate?prompt=a%20tree&cache=false",
        headers={"Accept": "text/event-stream"},
        stream=True,
        timeout=30,
    ) as response:
        lines = [line[5:] for line in response.text.splitlines() if line.startswith("data:")]
    news = [json.loads(line) for line in lines]
    messages = [it["message"] for it in news if "message" in it]
    beside = messages.index("replicate takes longer than usual; asking horde beside it.")
    assert not any("orde" in message for message in messages[:beside])
    assert news[-1]["engine"] == "horde"
    assert [it["phase"] for it in news if "phase" in it][-1] == "saving"


def test_a_client_that_leaves_ends_both(stack):
    stack.play(replicate="stuck", horde="stuck")
    body = {"prompt": "a tree", "timeout_seconds": 4}
    answer = requests.post(f"{stack.worker.url}/generate", json=body, headers=OPERATOR, timeout=15)
    assert (answer.status_code, answer.json()["code"]) == (504, "timeout")
    wait_until(lambda: stack.requests_to("replicate_cancel") and stack.requests_to("horde_cancel"), "the end of both")
    assert stack.worker_health()["queue"]["running"] == 0


def test_metrics_count_it(stack):
    text = requests.get(f"{stack.worker.url}/metrics", headers=OPERATOR, timeout=30).text
    assert 'render_worker_hedges_total{engine="horde"}' in text
