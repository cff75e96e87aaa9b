"""`prefer` through both tiers, with stand-ins that cost something and nothing, and what GET /models says of them."""

import pytest
import requests

from tests.end_to_end.conftest import OPERATOR, TOKEN, Stack, worker_settings
from tests.fakes.processes import api, sandbox, wait_until, worker


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    with sandbox() as site:
        keys = {**site.pointers("replicate"), **site.keys("replicate")}
        settings = worker_settings(site, tmp_path_factory.mktemp("images"), ENGINES="replicate,horde", **keys)
        with (
            worker(**settings) as renderer,
            api(PERCHANCE_WORKER_URL=renderer.url, WORKER_TOKEN=TOKEN, SIMULATED="true") as front,
        ):
            stack = Stack(site, renderer, front)
            wait_until(lambda: stack.get("/ready").ok, "the worker's readiness")
            yield stack


@pytest.fixture(autouse=True)
def as_new(stack):
    requests.post(f"{stack.sandbox.url}/sandbox/reset", timeout=30).raise_for_status()
    stack.play(painted="beforehand")


@pytest.mark.parametrize(
    ("query", "engine"), [({}, "replicate"), ({"prefer": "free"}, "horde"), ({"prefer": "quality"}, "replicate")]
)
def test_it_works(stack, query, engine):
    body = stack.get(prompt="a tree", **query).json()
    assert (body["engine"], body.get("fallback_from")) == (engine, None)


def test_the_fallback_is_the_next_by_the_preference(stack):
    stack.play(horde="html_502")
    body = stack.get(prompt="a tree", prefer="free").json()
    assert (body["engine"], body["fallback_from"]) == ("replicate", [{"engine": "horde", "code": "engine_busy"}])


def test_what_was_fast_lately_is_asked_first(stack):
    for _ in range(2):
        stack.get(prompt="a tree", model="replicate")
    stack.play(delay=2.0, painted="beforehand")
    stack.get(prompt="a tree", model="horde")
    models = {it["name"]: it for it in stack.get("/models").json()["models"]}
    fastest = min(("replicate", "horde"), key=lambda name: models[name]["p90_seconds"])
    stack.play(painted="beforehand")
    assert stack.get(prompt="a tree", prefer="fast").json()["engine"] == fastest


def test_models_show_price_quality_and_the_last_hour(stack):
    stack.get(prompt="a tree", model="horde")
    stack.get(prompt="a tree", model="replicate")
    stack.play(horde="html_502")
    stack.get(prompt="a tree", model="horde")
    models = {it["name"]: it for it in stack.get("/models").json()["models"]}
    replicate, horde, sketch = (models[name] for name in ("replicate", "horde", "sketch"))
    assert (replicate["price"], replicate["quality"], replicate["success_rate"]) == (0.003, 3, 1.0)
    assert (horde["price"], sketch["price"], sketch["quality"]) == (0, 0, 0)
    assert 0 < horde["success_rate"] < 1
    assert 0 < horde["p50_seconds"] <= horde["p90_seconds"]
    assert "p50_seconds" not in sketch
    told = requests.get(f"{stack.worker.url}/health", headers=OPERATOR, timeout=30).json()["engines"]["horde"]
    assert told["p90_seconds"] == horde["p90_seconds"]
